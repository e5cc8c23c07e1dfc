"""From features to segments: specs, clusterers, assignment rules and the segmenter."""
