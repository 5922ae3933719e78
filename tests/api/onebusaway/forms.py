"""The forms of OneBusAway's elements: every member's name and type, after its documentation.

`Form` maps a member to what it must be: a type, a form, a list of one of these, or a tuple of the
alternatives. Members must be all there and no others.
"""

from typing import Any

Form = Any

NUMBER = (int, float)
NONE = type(None)

AGENCY: Form = {
    "disclaimer": str, "email": str, "fareUrl": str, "id": str, "lang": str, "name": str,
    "phone": str, "privateService": bool, "timezone": str, "url": str,
}  # fmt: skip
ROUTE: Form = {
    "agencyId": str, "color": str, "description": str, "id": str, "longName": str,
    "nullSafeShortName": str, "shortName": str, "textColor": str, "type": int, "url": str,
}  # fmt: skip
STOP: Form = {
    "code": str, "direction": str, "id": str, "lat": NUMBER, "locationType": int, "lon": NUMBER,
    "name": str, "parent": str, "routeIds": [str], "staticRouteIds": [str],
    "wheelchairBoarding": str,
}  # fmt: skip
TRIP: Form = {
    "blockId": str, "directionId": str, "id": str, "peakOffpeak": int, "routeId": str,
    "routeShortName": str, "serviceId": str, "shapeId": str, "timeZone": str, "tripHeadsign": str,
    "tripShortName": str,
}  # fmt: skip
_WORDS = ({"lang": str, "value": str}, NONE)
SITUATION: Form = {
    "activeWindows": [{"from": int, "to": int}],
    "allAffects": [
        {
            "agencyId": str, "applicationId": str, "directionId": str, "routeId": str,
            "stopId": str, "tripId": str,
        }
    ],
    "consequenceMessage": str,
    "consequences": [{"condition": str, "conditionDetails": NONE}],
    "creationTime": int, "description": _WORDS, "id": str, "publicationWindows": [NONE],
    "reason": str, "severity": str, "summary": _WORDS, "url": _WORDS,
}  # fmt: skip
REFERENCES: Form = {
    "agencies": [AGENCY], "routes": [ROUTE], "situations": [SITUATION], "stopTimes": [NONE],
    "stops": [STOP], "trips": [TRIP],
}  # fmt: skip
_PLACE: Form = {"lat": NUMBER, "lon": NUMBER}
FREQUENCY: Form = {
    "endTime": int, "exactTimes": int, "headway": int, "serviceDate": int, "serviceId": str,
    "startTime": int, "tripId": str,
}  # fmt: skip
TRIP_STATUS: Form = {
    "activeTripId": str, "blockTripSequence": int, "closestStop": str,
    "closestStopTimeOffset": int, "distanceAlongTrip": NUMBER, "frequency": (FREQUENCY, NONE),
    "lastKnownDistanceAlongTrip": NUMBER, "lastKnownLocation": _PLACE,
    "lastKnownOrientation": NUMBER, "lastLocationUpdateTime": int, "lastUpdateTime": int,
    "nextStop": str, "nextStopTimeOffset": int, "occupancyCapacity": int, "occupancyCount": int,
    "occupancyStatus": str, "orientation": NUMBER, "phase": str, "position": _PLACE,
    "predicted": bool, "scheduleDeviation": int, "scheduledDistanceAlongTrip": NUMBER,
    "serviceDate": int, "situationIds": [str], "status": str, "totalDistanceAlongTrip": NUMBER,
    "vehicleId": str,
}  # fmt: skip
_INTERVAL = ({"from": int, "to": int}, NONE)
ARRIVAL: Form = {
    "actualTrack": str, "arrivalEnabled": bool, "blockTripSequence": int,
    "departureEnabled": bool, "distanceFromStop": NUMBER, "frequency": (FREQUENCY, NONE),
    "historicalOccupancy": str, "lastUpdateTime": int, "numberOfStopsAway": int,
    "occupancyStatus": str, "predicted": bool, "predictedArrivalInterval": _INTERVAL,
    "predictedArrivalTime": int, "predictedDepartureInterval": _INTERVAL,
    "predictedDepartureTime": int, "predictedOccupancy": str, "routeId": str,
    "routeLongName": str, "routeShortName": str, "scheduledArrivalInterval": NONE,
    "scheduledArrivalTime": int, "scheduledDepartureInterval": NONE,
    "scheduledDepartureTime": int, "scheduledTrack": str, "serviceDate": int,
    "situationIds": [str], "status": str, "stopId": str, "stopSequence": int,
    "totalStopsInTrip": int, "tripHeadsign": str, "tripId": str,
    "tripStatus": (TRIP_STATUS, NONE), "vehicleId": str,
}  # fmt: skip
SCHEDULE: Form = {
    "frequency": NONE, "nextTripId": str, "previousTripId": str,
    "stopTimes": [
        {
            "arrivalTime": int, "departureTime": int, "distanceAlongTrip": NUMBER,
            "historicalOccupancy": str, "stopHeadsign": str, "stopId": str,
        }
    ],
    "timeZone": str,
}  # fmt: skip
TRIP_DETAILS: Form = {
    "frequency": NONE, "schedule": SCHEDULE, "serviceDate": int, "situationIds": [str],
    "status": (TRIP_STATUS, NONE), "tripId": str,
}  # fmt: skip
TRIP_OF_VEHICLE: Form = {
    "frequency": NONE, "serviceDate": int, "situationIds": [str], "status": TRIP_STATUS,
    "tripId": str,
}  # fmt: skip
VEHICLE: Form = {
    "lastLocationUpdateTime": int, "lastUpdateTime": int, "location": _PLACE,
    "occupancyCapacity": int, "occupancyCount": int, "occupancyStatus": str, "phase": str,
    "status": str, "tripId": str, "tripStatus": TRIP_STATUS, "vehicleId": str,
}  # fmt: skip
POLYLINE: Form = {"length": int, "levels": str, "points": str}
STOPS_OF_ROUTE: Form = {
    "polylines": [POLYLINE], "routeId": str,
    "stopGroupings": [
        {
            "ordered": bool,
            "stopGroups": [
                {
                    "id": str,
                    "name": {"name": str, "names": [str], "type": str},
                    "polylines": [POLYLINE], "stopIds": [str], "subGroups": [NONE],
                }
            ],
            "type": str,
        }
    ],
    "stopIds": [str],
}  # fmt: skip
_STOP_TIME: Form = {
    "arrivalEnabled": bool, "arrivalTime": int, "departureEnabled": bool, "departureTime": int,
    "serviceId": str, "stopHeadsign": str, "tripId": str,
}  # fmt: skip
SCHEDULE_OF_STOP: Form = {
    "date": int, "stopId": str,
    "stopRouteSchedules": [
        {
            "routeId": str,
            "stopRouteDirectionSchedules": [
                {
                    "scheduleFrequencies": [
                        {
                            "endTime": int, "headway": int, "serviceDate": int, "serviceId": str,
                            "startTime": int, "tripId": str,
                        }
                    ],
                    "scheduleStopTimes": [_STOP_TIME],
                    "tripHeadsign": str,
                }
            ],
        }
    ],
}  # fmt: skip
SCHEDULE_OF_ROUTE: Form = {
    "routeId": str, "scheduleDate": int, "serviceIds": [str],
    "stopTripGroupings": [
        {
            "directionId": str, "stopIds": [str], "tripHeadsigns": [str], "tripIds": [str],
            "tripsWithStopTimes": [
                {"stopTimes": [_STOP_TIME | {"stopId": str}], "tripId": str}
            ],
        }
    ],
    "stops": [STOP], "trips": [TRIP],
}  # fmt: skip
BLOCK: Form = {
    "configurations": [
        {
            "activeServiceIds": [str], "inactiveServiceIds": [str],
            "trips": [
                {
                    "accumulatedSlackTime": NUMBER,
                    "blockStopTimes": [
                        {
                            "accumulatedSlackTime": NUMBER, "blockSequence": int,
                            "distanceAlongBlock": NUMBER,
                            "stopTime": {
                                "arrivalTime": int, "departureTime": int, "dropOffType": int,
                                "pickupType": int, "stopId": str,
                            },
                        }
                    ],
                    "distanceAlongBlock": NUMBER, "tripId": str,
                }
            ],
        }
    ],
    "id": str,
}  # fmt: skip
COVERAGE: Form = {
    "agencyId": str, "lat": NUMBER, "latSpan": NUMBER, "lon": NUMBER, "lonSpan": NUMBER,
}  # fmt: skip
BOARD: Form = {
    "arrivalsAndDepartures": [ARRIVAL], "nearbyStopIds": [str], "situationIds": [str],
    "stopId": str,
}  # fmt: skip
BOARDS: Form = {
    "arrivalsAndDepartures": [ARRIVAL], "limitExceeded": bool,
    "nearbyStopIds": [{"distanceFromQuery": NUMBER, "stopId": str}], "situationIds": [str],
    "stopIds": [str],
}  # fmt: skip
TIME: Form = {"readableTime": str, "time": int}
CONFIG: Form = {
    "gitProperties": {}, "id": str, "name": str, "serviceDateFrom": str, "serviceDateTo": str,
}  # fmt: skip


def entry(form: Form) -> Form:
    """The data of an answer about one thing."""
    return {"entry": form, "references": REFERENCES}


def listed(form: Form, *, ranged: bool = False) -> Form:
    """The data of an answer with a list; of those about a place it is told whether it is ours."""
    ours = {"outOfRange": bool} if ranged else {}
    return {"limitExceeded": bool, "list": [form], "references": REFERENCES, **ours}


def differences(value: Any, form: Form, path: str = "") -> list[str]:
    """List where a value is not of a form."""
    if isinstance(form, tuple):
        tried = [differences(value, one, path) for one in form]
        return min(tried, key=len)
    if isinstance(form, list):
        if not isinstance(value, list):
            return [f"{path}: {type(value).__name__}, not a list"]
        return [
            found
            for number, item in enumerate(value)
            for found in differences(item, form[0], f"{path}[{number}]")
        ]
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return [f"{path}: {type(value).__name__}, not members"]
        odd = value.keys() ^ form.keys()
        return [f"{path}.{name}: missing or too many" for name in sorted(odd)] + [
            found
            for name in form.keys() & value.keys()
            for found in differences(value[name], form[name], f"{path}.{name}")
        ]
    fits = isinstance(value, form) and not (isinstance(value, bool) and form is not bool)
    return [] if fits else [f"{path}: {type(value).__name__}, not {form.__name__}"]
