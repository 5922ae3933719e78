"""XML as small trees that know their lines, one after another. Pure.

Elements are called by their local names: versions of a message differ in the namespace alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from typing import Any
from xml.sax import SAXParseException
from xml.sax.xmlreader import InputSource

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from sapar.finance.bank.model import BrokenFile


class Node:
    """An element: its local name, attributes, text and children, and where it begins."""

    __slots__ = ("attributes", "children", "line", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name = name
        self.attributes = attributes
        self.line = line
        self.text = ""
        self.children: list[Node] = []

    def all(self, *path: str) -> Iterator[Node]:
        """Give every element at a path below this one."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])

    def find(self, *path: str) -> Node | None:
        """Give the first element at a path, or None."""
        name, *rest = path
        for child in self.children:
            if child.name == name:
                found = child.find(*rest) if rest else child
                if found is not None:
                    return found
        return None

    def value(self, *path: str) -> str:
        """Give the text at a path; '' when there is none."""
        found = self.find(*path)
        return "" if found is None else found.text.strip()


class _Builder(DefusedExpatParser):
    """Builds the trees from the parser's own events: as SAX's they cost four times as much."""

    _parser: Any  # the base class', whose stubs hide it

    def __init__(self, each: Collection[str], take: Callable[[Node, list[Node]], None]) -> None:
        super().__init__(forbid_dtd=True)
        self._each = each
        self._take = take
        self._open: list[Node] = []

    def reset(self) -> None:
        """Prepare for a document; the guards against document types stay as they are."""
        super().reset()
        events = self._parser
        events.StartElementHandler = self._begin
        events.EndElementHandler = self._end
        events.CharacterDataHandler = self._text

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self._open.append(Node(local, attributes, self._parser.CurrentLineNumber))

    def _text(self, content: str) -> None:
        if self._open:
            self._open[-1].text += content

    def _end(self, _name: str) -> None:
        node = self._open.pop()
        if node.name in self._each:
            self._take(node, self._open)
        elif self._open:
            self._open[-1].children.append(node)


def read(data: bytes, each: Collection[str], take: Callable[[Node, list[Node]], None]) -> None:
    """Walk through a document.

    Args:
        data: the document; without a document type, so that it names nothing outside of itself.
        each: local names; such elements are handed over when they end, and then forgotten.
        take: gets such an element and the open ones around it, outermost first.

    Raises:
        BrokenFile: `bad_xml`, with the line, or `unsafe_xml`.
    """
    source = InputSource()
    source.setByteStream(io.BytesIO(data))
    try:
        _Builder(each, take).parse(source)
    except SAXParseException as exc:
        raise BrokenFile(
            f"the XML is broken: {exc.getMessage()}", code="bad_xml", line=exc.getLineNumber()
        ) from exc
    except DefusedXmlException as exc:
        raise BrokenFile(
            "the XML has a document type or entities, which no statement needs", code="unsafe_xml"
        ) from exc
    except (LookupError, ValueError) as exc:
        raise BrokenFile(f"the XML cannot be read: {exc}", code="bad_xml") from exc
