"""How many labels each strategy needs, replayed with an oracle: alcli beside its peers, on equal terms."""
