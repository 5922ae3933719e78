"""The end of a business day: stages, signatures, reports that stay."""

from sapar.finance.closing import checks as _checks  # noqa: F401 - makes the stages known
