"""A whole report: systems side by side on one data set, a section for every stage asked for."""
