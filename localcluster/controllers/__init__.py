"""The controllers of the pocket cluster: what turns objects into pods, volumes, endpoints and status. `manager.Manager` runs them."""
