"""Cards and discovery, driven by one huggingface_hub version. Run inside a pinned environment, as alice.

Usage: discovery_suite.py BOBS_TOKEN CAROLS_TOKEN SECONDS [PART|CHECK ...]

SECONDS is how long a change may take to be seen through another server. The parts are run in their order, all unless some
are named; `catalogue` comes first on an empty hub.
"""

import sys
import time
import traceback

sys.dont_write_bytecode = True

from discovery import bad_input, cards, catalogue, facts, landing, listings, own_routes, pages, usage  # noqa: E402


def main():
    parts = {
        "catalogue": [catalogue.publish], "facts": facts.CHECKS, "listings": listings.CHECKS, "pages": pages.CHECKS,
        "cards": cards.CHECKS, "landing": landing.CHECKS, "own_routes": own_routes.CHECKS, "usage": usage.CHECKS, "bad_input": bad_input.CHECKS,
    }
    wanted, failed = sys.argv[4:], []
    for part, checks in parts.items():
        for check in checks:
            name = f"{part}.{check.__name__}"
            if wanted and part not in wanted and name not in wanted:
                continue
            start = time.monotonic()
            try:
                check()
                print(f"ok   {time.monotonic() - start:6.1f} s  {name}", flush=True)
            except Exception:
                traceback.print_exc(limit=-4, chain=False)
                print(f"FAIL {time.monotonic() - start:6.1f} s  {name}", flush=True)
                failed.append(name)
                if part == "catalogue":
                    sys.exit("without its catalogue nothing can be found")
                catalogue.tidy()
    if failed:
        sys.exit(f"failed: {failed}")


if __name__ == "__main__":
    main()
