"""The screen of `alcli label`: a thin layer over `alcli.labeling.Session`, drawn by textual."""
