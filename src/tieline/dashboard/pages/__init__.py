"""One module per page or group of pages. Each has `ROUTES`; `tieline.dashboard.app` lists them."""
