"""Look at a service: its document when it has one, else by asking; then try what was found."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from lab.errors import LabError
from lab.probing import document as documents
from lab.probing.asking import KEY, REDIRECTS, Answer, Service
from lab.probing.document import SIZES, Collection, Document
from lab.probing.payloads import example, from_item, from_schema, template
from lab.probing.shapes import WHOLE, best_list, id_fields, inside, item_path

Item = Mapping[str, Any]
NOT_FOUND = 404
FEW = 2  # items to ask for, when it is to be seen whether a list has pages
SLASHES = {  # at the end of the list's path, and of an item's: --trailing-slash
    (True, True): "yes", (False, False): "no", (True, False): "collection", (False, True): "item",
}  # fmt: skip
READS, NO_DELETES = "80/20/0/0", "60/15/25/0"  # --mix, as much of the article's as there can be
PLACES = ("/items", "/api/items", "/api/v1/items")  # where to look, when nobody says


@dataclass
class Found:
    """What was found: the lines to read, and the options of the load."""

    lines: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    def note(self, answer: Answer, remark: str) -> None:
        """Say what was asked, and what that shows."""
        self.lines.append(f"{answer.asked:<48} {answer.status}  {remark}".rstrip())


class Probe:
    """One look at one service. Its methods raise `LabError` with one line that says what to do."""

    def __init__(
        self, service: Service, path: str, *, writes: bool, payload: str = "", is_told: bool = False
    ) -> None:
        self._service, self._path, self._writes, self._payload = service, path, writes, payload
        self._is_told = is_told  # how a key is sent
        self._document: Document | None = None
        self.found = Found()

    def look(self) -> Found:
        """Find out everything."""
        self._document = documents.find(self._service)
        if self._document:
            self.found.lines.append(f"{self._document.title} at {self._document.place}")
            if not self._is_told and (header := self._document.auth_header):
                self._service = replace(self._service, auth_header=header)
                if header != "Authorization: Bearer":
                    self.found.options["--auth-header"] = header
        collection = self._collection()
        collection, page = self._listed(collection)
        item = self._first(page)
        if item is not None:
            collection = self._read(collection, item)
        if self._writes:
            collection = self._written(collection, item)
        elif item is None:
            raise LabError("the list is empty: create an item first, or let probe do it")
        else:
            self.found.options["--mix"] = READS
        self.found.options["--trailing-slash"] = SLASHES[
            collection.path.endswith("/"), collection.item_path.endswith("/")
        ]
        return self.found

    # The list

    def _collection(self) -> Collection:
        known = self._document.collections() if self._document else []
        if self._path:
            both = (*known, *(one.bare for one in known))
            own = [one for one in both if one.base_path == self._path.rstrip("/")]
            return own[0] if own else Collection(self._path, "")
        if known:
            first, *others = known
            if others:
                named = ", ".join(one.path for one in others[:5])
                self.found.lines.append(f"taken: {first.path}; also there: {named} (give its URL)")
            return first
        return self._by_asking()

    def _by_asking(self) -> Collection:
        root = self._service.ask("GET", "/").json
        links = [urlsplit(link).path for link in root.values() if isinstance(link, str)] \
            if isinstance(root, dict) else []  # fmt: skip
        for path in filter(lambda path: path.startswith("/"), (*links, *PLACES)):
            answer = self._follow(path)
            if answer.is_good and best_list(answer.json):
                return Collection(path, "")
        raise LabError(
            f"{self._service.url} has no OpenAPI document in a usual place, and no list at "
            f"{', '.join(PLACES)}: give the URL of the list, such as {self._service.url}/api/books"
        )

    def _follow(self, path: str) -> Answer:
        answer = self._service.ask("GET", path)
        if answer.status in REDIRECTS and answer.location:
            return self._service.ask("GET", answer.location)
        return answer

    def _listed(self, collection: Collection) -> tuple[Collection, Any]:
        """Ask for the list; see where it is, and how many items can be asked for."""
        answer = self._follow(collection.path)
        if answer.status == NOT_FOUND and collection.prefix:
            collection = collection.bare
            answer = self._follow(collection.path)
        if answer.status in (401, 403):
            raise LabError(f"{answer.sentence}: set {KEY}, sent as '{self._service.auth_header}'")
        where = best_list(answer.json) if answer.is_good else ""
        if not where:
            raise LabError(f"{answer.sentence}: no list of items; give the URL of the list")
        path = urlsplit(answer.asked.split(" ", 1)[1]).path
        collection = replace(collection, path=path)
        size = self._size(collection, where, len(inside(answer.json, where)))
        query = f"{size}={{size}}" if size else "none"
        self.found.options |= {
            "--base-path": collection.base_path,
            "--list-field": where,
            "--list-query": query,
        }
        self.found.note(
            answer, f"list: at {where!r}, " + (f"pages by {size}" if size else "no pages")
        )
        return collection, answer.json

    def _size(self, collection: Collection, where: str, length: int) -> str:
        """Return the parameter that says how many items a list has; "" where none does."""
        for name in (collection.size,) if collection.size else SIZES if length > FEW else ():
            answer = self._service.ask("GET", f"{collection.path}?{name}={FEW}")
            items = inside(answer.json, where) if answer.is_good else None
            if isinstance(items, list) and (len(items) == FEW or length <= FEW):
                return name
        return ""

    def _first(self, page: Any) -> Mapping[str, Any] | None:
        items = inside(page, self.found.options["--list-field"])
        return next((one for one in items if isinstance(one, Mapping)), None)

    # An item

    def _read(self, collection: Collection, item: Mapping[str, Any]) -> Collection:
        """Read an item of the list by each field that may be its id, until one is right."""
        tried = []
        for name in id_fields(item, collection.key):
            for path in self._item_paths(collection, item[name]):
                answer = self._service.ask("GET", path)
                where = item_path(answer.json, [name]) if answer.is_good else ""
                if where:
                    self._note_item(answer, name, where, inside(answer.json, where), item)
                    slash = "/" if path.endswith("/") else ""
                    return replace(collection, item_path=f"{collection.base_path}/{{}}{slash}",
                                   key=name)  # fmt: skip
                tried.append(answer.sentence)
        raise LabError(
            f"an item of the list cannot be read: {tried[-1]}" if tried else
            f"an item of the list has no field that could be its id: {', '.join(item)}"
        )  # fmt: skip

    @staticmethod
    def _item_paths(collection: Collection, item_id: object) -> list[str]:
        own = quote(str(item_id), safe="")
        if collection.item_path:
            return [collection.item_path.replace("{}", own)]
        plain = f"{collection.base_path}/{own}"
        return [plain + "/", plain] if collection.path.endswith("/") else [plain, plain + "/"]

    def _note_item(self, answer: Answer, name: str, where: str, item: Item, of_list: Item) -> None:
        self.found.options |= {"--id-field": name, "--item-field": where}
        self.found.options["--fields"] = ",".join(key for key in item if key in of_list)
        self.found.note(answer, f"read: id is {name!r}" + _at(where))

    # Writing

    def _written(self, collection: Collection, item: Mapping[str, Any] | None) -> Collection:
        """Create an item, change it, delete it."""
        payload = self._payload or self._new_payload(collection, item)
        answer = self._create(collection, payload)
        own, remark, collection = self._created(collection, answer)
        self.found.options["--payload"] = payload
        self.found.note(answer, f"create: {remark}")
        try:
            if item is None:  # nothing was there to be read before
                collection = self._read_new(collection, own)
            path = collection.item_path.replace("{}", quote(str(own), safe=""))
            self._update(collection, path, payload)
        except LabError:
            self.found.lines.append(f"the item {own} was created by probe and is still there")
            raise
        if not self._delete(path):
            self.found.lines.append(f"the item {path} was created by probe and is still there")
            self.found.options["--mix"] = NO_DELETES
        return collection

    def _new_payload(self, collection: Collection, item: Mapping[str, Any] | None) -> str:
        if self._document and collection.new_item:
            return template(from_schema(self._document, collection.new_item))
        if item is None:
            raise LabError(
                "the list is empty and no document says what an item is: give --payload, such as "
                """'{"name": "$name"}'"""
            )
        return template(from_item(item, self.found.options.get("--id-field", "")))

    def _create(self, collection: Collection, payload: str) -> Answer:
        try:
            body = json.loads(example(payload, secrets.token_hex(8)))
        except ValueError as error:
            raise LabError(f"the payload {payload!r} is not JSON: {error}") from error
        answer = self._service.ask("POST", collection.path, body)
        if not answer.is_good:
            raise LabError(
                f"{answer.sentence} to {json.dumps(body)}: give --payload with what it wants, or "
                "--read-only to leave writing out"
            )
        return answer

    def _created(self, collection: Collection, answer: Answer) -> tuple[object, str, Collection]:
        """Return the new item's id, what tells it, and the collection as it is now known."""
        names = [self.found.options["--id-field"]] if "--id-field" in self.found.options else []
        names = names or [collection.key, collection.key.removesuffix("_id"), "id", "_id", "uuid"]
        where = item_path(answer.json, [name for name in names if name])
        if where:
            created = inside(answer.json, where)
            name = next(name for name in names if name in created)
            fields = [one for one in self.found.options.get("--fields", "").split(",") if one]
            self.found.options |= {"--id-field": name, "--item-field": where}
            is_whole = all(one in created for one in fields) and len(created) > 1
            if not is_whole:
                self.found.options["--created"] = "id"
            what = "the item" if is_whole else "the id only"
            return created[name], f"answers {what}{_at(where)}", collection
        if answer.location:
            self.found.options["--created"] = "location"
            own = answer.location.rstrip("/").rpartition("/")[2]
            return own, "answers a Location", collection
        raise LabError(f"{answer.sentence}: neither an id nor a Location tells what was "
                       "created: it is still there")  # fmt: skip

    def _read_new(self, collection: Collection, own: object) -> Collection:
        name = self.found.options.get("--id-field", "id")
        for path in self._item_paths(collection, own):
            answer = self._service.ask("GET", path)
            if answer.is_good and (where := item_path(answer.json, [name])):
                item = inside(answer.json, where)
                self._note_item(answer, name, where, item, item)
                slash = "/" if path.endswith("/") else ""
                return replace(collection, item_path=f"{collection.base_path}/{{}}{slash}")
        raise LabError(f"{answer.sentence}: what was just created cannot be read")

    def _update(self, collection: Collection, path: str, payload: str) -> None:
        told = [m for m in ("put", "patch") if f"item {m}" in collection.methods]
        for method in told or ("put", "patch"):
            body = json.loads(example(payload, secrets.token_hex(8)))
            answer = self._service.ask(method.upper(), path, body)
            if answer.is_good:
                self.found.options["--update-method"] = method.upper()
                self.found.note(answer, "update")
                return
        self.found.lines.append(f"no update: {answer.sentence}")

    def _delete(self, path: str) -> bool:
        answer = self._service.ask("DELETE", path)
        if answer.is_good:
            self.found.note(answer, "delete")
        else:
            self.found.lines.append(f"no delete: {answer.sentence}")
        return answer.is_good


def _at(where: str) -> str:
    return "" if where == WHOLE else f", inside {where!r}"
