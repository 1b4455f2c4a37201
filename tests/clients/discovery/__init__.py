"""Cards and discovery with real clients: a catalogue of repositories, and what must be found in it.

`catalogue` and the files it gathers say which repositories there are and what the Hub would tell of each, written by
hand. `listings`, `pages`, `facts`, `cards` and `usage` ask through huggingface_hub; `own_routes` asks what that client
has no call for; `bad_input` sends what must be refused.
"""
