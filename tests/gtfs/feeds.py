"""Builds small GTFS zips for tests."""

import io
import zipfile
from collections.abc import Mapping

Contents = Mapping[str, str | bytes | None]

BASE = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone,agency_lang\n"
    "A,Avtobus,https://example.org,Asia/Aqtobe,kk\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
    "S1,Bazar,50.2800,57.1600\n"
    "S2,Park,50.2820,57.1650\n"
    "S3,Vokzal,50.2840,57.1700\n",
    "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type,route_color\n"
    "R1,A,1,Bazar - Vokzal,3,00ff7a\n",
    "trips.txt": "trip_id,route_id,service_id,trip_headsign,direction_id,block_id,shape_id\n"
    "T1,R1,DAILY,Vokzal,0,B1,H1\n"
    "T2,R1,DAILY,Bazar,1,B1,H2\n",
    "stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n"
    "T1,S1,1,08:00:00,08:00:00\n"
    "T1,S2,2,08:03:00,08:03:30\n"
    "T1,S3,3,08:06:00,08:06:00\n"
    "T2,S3,1,24:10:00,24:10:00\n"
    "T2,S2,2,,\n"
    "T2,S1,3,24:16:00,24:16:00\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "DAILY,1,1,1,1,1,1,1,20260101,20261231\n",
    "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
    "H1,50.2800,57.1600,1\nH1,50.2840,57.1700,2\n"
    "H2,50.2840,57.1700,1\nH2,50.2800,57.1600,2\n",
    "feed_info.txt": "feed_publisher_name,feed_publisher_url,feed_lang,feed_version\n"
    "Avtobus,https://example.org,kk,2026-1\n",
}


def tiny_feed(changes: Contents | None = None) -> bytes:
    """Zip the base feed with files replaced, added, or (None) left out."""
    files: dict[str, str | bytes | None] = {**BASE, **(changes or {})}
    return zip_files({name: text for name, text in files.items() if text is not None})


def edited(name: str, old: str, new: str, extra: Contents | None = None) -> bytes:
    """Zip the base feed with a piece of one file replaced; the piece must be there."""
    assert old in BASE[name], f"{old!r} is not in {name}"
    return tiny_feed({**(extra or {}), name: BASE[name].replace(old, new, 1)})


def appended(name: str, rows: str, extra: Contents | None = None) -> bytes:
    """Zip the base feed with rows added to the end of one file."""
    return tiny_feed({**(extra or {}), name: BASE[name] + rows})


def zip_files(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Zip files in order, with fixed times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()
