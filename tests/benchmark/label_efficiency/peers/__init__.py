"""The peers' whole loops, run in environments of their own: see `peer_loops`, which makes what they read."""
