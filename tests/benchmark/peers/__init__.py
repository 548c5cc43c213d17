"""What a user would write without alcli: plain pandas and scikit-learn scripts, run as processes."""
