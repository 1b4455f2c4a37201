"""Cards as they are found in the wild: legal, and hard to read."""

from .repo import Repo, card

ODD = [
    Repo("odd-bom", {"README.md": b"\xef\xbb\xbf---\nlicense: mit\nlanguage: en\n---\n# With a mark\n"}, has=("license:mit", "en")),
    Repo("odd-crlf", {"README.md": b"---\r\nlicense: mit\r\ntags:\r\n- windows\r\n---\r\n# Title\r\n"}, has=("license:mit", "windows")),
    Repo("odd-tabs", {"README.md": card("license: mit\ntags:\n- \"a\\tb\"\n- 'plain'\t\nlanguage:\ten")}, has=("license:mit", "plain", "en")),
    Repo("odd-single", {"README.md": card("license: mit\nlanguage: en\ndatasets: alice/reviews\nbase_model: alice/encoder-root")},
         bases=("alice/encoder-root",), has=("en", "dataset:alice/reviews")),
    Repo("odd-lists", {"README.md": card("license: mit\nlanguage: [en, de, fr]\nbase_model: [alice/encoder-root]\ndatasets: [alice/reviews, squad, Anthropic/hh-rlhf]")},
         bases=("alice/encoder-root",), has=("en", "de", "fr", "dataset:alice/reviews", "dataset:squad", "dataset:Anthropic/hh-rlhf")),
    Repo("odd-numbers", {"README.md": card("license: mit\ntags:\n- '2024'\n- \"1e3\"\nmodel_name: 007\nversion: 1.10")}, has=("2024", "1e3")),
    Repo("odd-norway", {"README.md": card("license: mit\nlanguage:\n- no\n- nb\n- 'on'")}, has=("no", "nb")),
    Repo("odd-unicode", {"README.md": card("license: mit\ntags:\n- Übersetzung\n- 翻訳\n- 🦙", "# Übersetzer\nDie Straße führt zum Wörterbuch.\n")},
         has=("Übersetzung", "翻訳", "🦙")),
    Repo("odd-block-text", {"README.md": card("license: mit\ndescription: |\n  Two\n  lines: of text\n# a comment\nnote: >-\n  folded\n  text\ntags: [x]")},
         has=("license:mit", "x")),
    Repo("odd-anchors", {"README.md": card("license: mit\nx: &a [one, two]\ntags: *a")}, has=("one", "two")),
    Repo("odd-nulls", {"README.md": card("license: mit\ntags:\nlanguage: ~\ndatasets: null\nbase_model:")}, has=("license:mit",)),
    Repo("odd-no-metadata", {"README.md": "# Only text\nNothing above it.\n"}),
    Repo("odd-empty-block", {"README.md": "---\n---\n# Empty\n"}),
    Repo("odd-rule", {"README.md": "---\n\nA rule, and never a second one.\n"}),
    Repo("odd-no-card", {"config.json": {"architectures": ["BertModel"], "model_type": "bert"}}, has=("bert",)),
    Repo("odd-empty", {}),
    Repo("odd-many-tags", {"README.md": card("license: mit\ntags:\n" + "\n".join(f"- tag-{n}" for n in range(200)))}, has=("tag-0", "tag-199")),
]

REPOS = ODD
