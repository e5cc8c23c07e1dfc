"""Reports as single HTML pages that need nothing else: no network, and no scripts to be read."""

from segmentation.reports.html.flow import flow_picture
from segmentation.reports.html.page_template import page
from segmentation.reports.html.study_views import TrialRecord, study_views

__all__ = ["TrialRecord", "flow_picture", "page", "study_views"]
