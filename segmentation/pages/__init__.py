"""Reports as single HTML pages that need nothing else: no network, no scripts."""

from segmentation.pages.flow import flow_picture
from segmentation.pages.render import page

__all__ = ["flow_picture", "page"]
