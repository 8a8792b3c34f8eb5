"""The SQLite broker: streams and presence in one file, shared by the processes of one machine.

A thread of each process owns the one connection that writes; what many publish at the same time
it commits together. The file numbers everything in one order, its *sequence*, and every process
reads on from the place it has reached: that is how a publication of one worker gets to the others.
"""
