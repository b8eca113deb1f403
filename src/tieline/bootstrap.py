"""The only module that picks adapters: settings in, wired objects out. No rule of the product lives here."""
