"""The config: `alcli.yaml` (and `--set`) as validated, frozen settings."""

from alcli.config.loading import CONFIG_NAME, Source, check_config, load_config, parse_setting, put_setting
from alcli.config.schema import Config, Cost, Features, LabelsSection
from alcli.config.section import section_of
from alcli.config.servers import plain_address

__all__ = [
    "CONFIG_NAME",
    "Config",
    "Cost",
    "Features",
    "LabelsSection",
    "Source",
    "check_config",
    "load_config",
    "parse_setting",
    "plain_address",
    "put_setting",
    "section_of",
]
