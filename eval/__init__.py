"""How well texts are merged and fields are found, measured on labelled sets (`make eval`). Never part of the tests: it
reports. What the tests hold are the labels' consistency and that each metric can fail."""
