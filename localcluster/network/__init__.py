"""The pocket cluster's network: Services as TCP forwarders on loopback addresses, Ingresses in Caddy, names rewritten at container start.

Nothing is isolated: NetworkPolicies are stored and not enforced, and every process of the machine reaches every address here.
"""
