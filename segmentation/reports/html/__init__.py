"""Reports as single HTML pages that need nothing else: no network, no scripts."""

from segmentation.reports.html.flow import flow_picture
from segmentation.reports.html.page_template import page
from segmentation.reports.html.shares import shares_picture
from segmentation.reports.html.study_views import TrialRecord, study_views

__all__ = ["TrialRecord", "flow_picture", "page", "shares_picture", "study_views"]
