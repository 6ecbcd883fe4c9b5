from packsight.commands._arguments import positive, user_cache, whole
from packsight.commands._terminal import print_faults

tell = print_faults
__all__ = ["positive", "tell", "user_cache", "whole"]
