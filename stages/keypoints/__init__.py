"""Detectors of keypoints, and how the keypoints of a query are compared with a candidate's."""
