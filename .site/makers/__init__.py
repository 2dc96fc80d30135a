"""What makes the pages of the site out of the repository: one file for each kind of page."""
