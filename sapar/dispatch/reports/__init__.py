"""What riders report: filed with what the system knew then, taken, answered, closed."""

from sapar.dispatch.reports.desk import (
    Change,
    Row,
    Wanted,
    answer,
    close,
    get_report,
    list_reports,
    take,
)
from sapar.dispatch.reports.filing import (
    KIND_OF_ONEBUSAWAY,
    KINDS,
    Filed,
    Followed,
    NewReport,
    file_report,
    follow_report,
    forget_old,
    make_code,
)

__all__ = [
    "KINDS",
    "KIND_OF_ONEBUSAWAY",
    "Change",
    "Filed",
    "Followed",
    "NewReport",
    "Row",
    "Wanted",
    "answer",
    "close",
    "file_report",
    "follow_report",
    "forget_old",
    "get_report",
    "list_reports",
    "make_code",
    "take",
]
