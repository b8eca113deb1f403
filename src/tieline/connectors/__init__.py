"""One package per CRM, and the driver that runs their operations. CRMs never know of each other."""
