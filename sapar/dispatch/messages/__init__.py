"""Messages to drivers: written once, sent until the bus has them or they expire, followed to read.

The recipients' rows are the queue: any number of publishers share it, and one that dies loses
nothing. What devices answer are stored events like all others.
"""
