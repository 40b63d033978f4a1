"""The pocket cluster's kubelet: pods as plain processes of this machine.

A pod gets a loopback address, its volumes are folders, and where an image's program would find a path or a name of its container, the
text that says so is rewritten before it starts. What a real node writes into a pod's status and events is written here too.

It isolates nothing: containers see the whole machine as the user they run as, memory limits are watched rather than enforced, CPU limits
and read-only mounts are not kept. What could only be run with isolation is refused (`refusals`).
"""
