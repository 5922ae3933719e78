"""The OneBusAway REST API (`/api/where/`), as far as its apps call it, over the same boards.

Ids are `<agency>_<id>`, where the agency is the deployment's name of a city: it is unique, which
agency_id of two cities' agency.txt need not be, it has no underscore, and so one base address
serves all cities at once. Written after the public documentation (developer.onebusaway.org); the
answers are compared with its examples field by field, and driven by the official client.
"""
