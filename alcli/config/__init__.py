"""The config: `alcli.yaml` (and `--set`) as validated, frozen settings."""

from alcli.config.loading import CONFIG_NAME, Source, load_config, parse_setting
from alcli.config.schema import Config, Features, LabelsSection

__all__ = ["CONFIG_NAME", "Config", "Features", "LabelsSection", "Source", "load_config", "parse_setting"]
