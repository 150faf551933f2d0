"""Who takes over from whom, and when: the decisions of a node about its own processes, without the processes.

It refuses to know signals, locks and files: the supervisor and the calls processes ask it, and so does the simulated
world. That a lock is granted once is the kernel's; that nobody acts after his successor began is decided here.
"""
