"""Seeded semantic conflicts: small projects, and two edits that merge as text and break.

An edit is (path, old text, new text); an empty old text makes a new file, or adds at the end of
one that is there. A path of None as new text deletes; `> path` moves.
"""

# ruff: noqa: E501 - a row of the table is an edit, and reads best in one line

from __future__ import annotations

from dataclasses import dataclass

Edits = list[tuple[str, str, str | None]]
Files = dict[str, str]


@dataclass(frozen=True)
class Seed:
    """kind: what should be said. a, b: what each side edits."""

    kind: str
    title: str
    files: Files
    a: Edits
    b: Edits


def edited(files: Files, edits: Edits) -> Files:
    now = dict(files)
    for path, old, new in edits:
        if new is None:
            del now[path]
        elif new.startswith("> "):
            now[new[2:]] = now.pop(path)
        elif not old:
            now[path] = now.get(path, "") + new
        else:
            assert now[path].count(old) >= 1, (path, old)
            now[path] = now[path].replace(old, new)
    return now


PY: Files = {
    "shop/__init__.py": "from shop.prices import total\n",
    "shop/prices.py": '''\
import math
from decimal import Decimal

MAX_RETRIES = 3
TAX = Decimal("0.19")


def total(lines, discount=0):
    """Sum of all lines."""
    amount = sum(line.price for line in lines)
    return amount - discount


def parse_price(text):
    cleaned = text.strip().lstrip("$")
    return Decimal(cleaned)


def apply_tax(amount, rate):
    return amount * (1 + rate)


class Basket:
    """What somebody wants to buy."""

    limit = 50

    def __init__(self, owner, currency="EUR"):
        self.owner = owner
        self.currency = currency
        self.entries = []

    def add_entry(self, name, quantity):
        self.entries.append((name, quantity))

    def is_full(self):
        return len(self.entries) >= self.limit


def rounded(amount):
    step = math.floor(amount * 100)
    remainder = amount * 100 - step
    if remainder > 0.5:
        step += 1
    return step / 100
''',
    "shop/orders.py": """\
from enum import Enum, IntEnum

from shop.prices import Basket, apply_tax, parse_price

ERR_UNKNOWN = 1000
ERR_EMPTY = 1001
ERR_LATE = 1002


class Status(IntEnum):
    NEW = 1
    PAID = 2
    SENT = 3

    def label(self):
        return self.name.lower()


class Handler:
    def handle_order(self, order):
        raise NotImplementedError


def place(owner, texts):
    basket = Basket(owner)
    for text in texts:
        basket.add_entry(text, 1)
    return apply_tax(parse_price(texts[0]), 0)


def cancel(order):
    order.state = Status.NEW
    return order


LABELS = {
    "new": "New order",
    "paid": "Paid for",
    "sent": "On its way",
}
""",
    "shop/cli.py": """\
import argparse

from shop import orders


def build_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", help="who")
    parser.add_argument("--verbose", action="store_true")

    parser.add_argument("--limit", type=int)
    parser.add_argument("--output")

    parser.add_argument("--json", action="store_true")
    return parser


def main():
    asked = build_parser().parse_args()
    orders.place(asked.name, [])
""",
    "shop/web.py": """\
from flask import Flask, jsonify

app = Flask(__name__)


@app.route("/orders")
def list_orders():
    return jsonify([])


@app.route("/orders/<int:number>")
def one_order(number):
    return jsonify(number)


@app.route("/health")
def health():
    return "ok"
""",
    "shop/models.py": """\
from dataclasses import dataclass


@dataclass
class Customer:
    name: str
    email_address: str
    phone: str = ""


def greet(customer):
    return "Dear " + customer.name
""",
    "shop/report.py": '''\
"""Reports."""


def monthly(rows):
    header = "month"
    body = [str(row) for row in rows]
    return [header, *body]
''',
    "tests/test_prices.py": """\
from shop.prices import total


def test_empty():
    assert total([]) == 0


def test_nothing_off():
    assert total([], 0) == 0


def test_sum():
    assert total([]) == 0
""",
}

PY["shop/invoice.py"] = """\
def invoice(order):
    header = headline(order)
    parts = [header]
    for line in order.lines:
        parts.append(line.text)
        parts.append(line.price)

    parts.append(order.total)
    return parts
"""

PY["shop/settings.py"] = """\
WEB_PORT = 8000
DATABASE_PORT = 5432

CACHE_PORT = 6379

QUEUE_PORT = 5672
"""
PY["tests/conftest.py"] = """\
import pytest


@pytest.fixture
def shop_client():
    return object()
"""
PY["shop/commands.py"] = """\
import click


@click.group()
def cli():
    pass


@cli.command("list")
def list_all():
    pass
"""

NEW_PY = "\n\ndef newer(value):\n    return {}\n"

JS: Files = {
    "src/format.js": """\
const path = require('path')

const MAX_WIDTH = 80

function formatLine(text, width) {
  return text.slice(0, width)
}

function padLeft(text, size, filler) {
  let out = text
  while (out.length < size) out = filler + out
  return out
}

class Printer {
  constructor(stream, width) {
    this.stream = stream
    this.width = width
  }

  printLine(text) {
    this.stream.write(formatLine(text, this.width))
  }

  flushAll() {
    this.stream.end()
  }
}

function baseName(file) {
  return path.basename(file)
}

module.exports = { formatLine, padLeft, Printer, baseName, MAX_WIDTH }
""",
    "src/app.js": """\
const express = require('express')
const { formatLine } = require('./format')

const app = express()

app.get('/users', (req, res) => {
  res.send(formatLine('users', 10))
})

app.get('/health', (req, res) => {
  res.send('ok')
})

app.post('/users', (req, res) => {
  res.send('made')
})

module.exports = app
""",
    "src/report.js": """\
const format = require('./format')

function report(rows) {
  const head = format.padLeft('x', 3, ' ')
  return head + rows.join('')
}

function summary(rows) {
  const count = rows.length
  const label = 'rows: '
  return label + count
}

module.exports = { report, summary }
""",
}

JS["src/invoice.js"] = """\
function invoice(order) {
  const header = headline(order)
  const parts = [header]
  for (const line of order.lines) {
    parts.push(line.text)
    parts.push(line.price)
  }

  parts.push(order.total)
  return parts
}
"""

TS: Files = {
    "src/user.ts": """\
export interface User {
  id: number
  displayName: string
  emailAddress: string
}

export enum Role {
  Guest = 1,
  Member = 2,
  Admin = 3,
}

export function createUser(id: number, displayName: string): User {
  return { id, displayName, emailAddress: '' }
}

export class UserStore {
  private users: User[] = []

  addUser(user: User): void {
    this.users.push(user)
  }

  findUser(id: number): User | undefined {
    return this.users.find((one) => one.id === id)
  }
}

export interface Exporter {
  exportAll(users: User[]): string
}
""",
    "src/service.ts": """\
import { UserStore, createUser } from './user'

export function register(store: UserStore): void {
  store.addUser(createUser(1, 'first'))
}

export async function loadRemote(url: string): Promise<string> {
  return url
}

export const LABELS = {
  guest: 'Guest',
  member: 'Member',
  admin: 'Admin',
}
""",
    "src/view.ts": """\
import { User } from './user'

export function show(user: User): string {
  return String(user.id)
}
""",
}

GO: Files = {
    "store/store.go": """\
package store

import (
	"errors"
	"strings"
)

const (
	CodeUnknown = 100
	CodeMissing = 101
	CodeLocked  = 102
)

const DefaultLimit = 50

var ErrMissing = errors.New("missing")

type Record struct {
	Name    string
	Address string
}

type Store struct {
	records map[string]Record
}

type Saver interface {
	SaveRecord(record Record) error
}

func NewStore() *Store {
	return &Store{records: map[string]Record{}}
}

func (s *Store) FindRecord(name string) (Record, error) {
	record, ok := s.records[name]
	if !ok {
		return Record{}, ErrMissing
	}
	return record, nil
}

func cleanName(name string) string {
	return strings.TrimSpace(name)
}

func joinNames(names []string, separator string) string {
	total := len(names)
	if total == 0 {
		return ""
	}
	return strings.Join(names, separator)
}
""",
    "store/list.go": """\
package store

func (s *Store) Count() int {
	return len(s.records)
}

func firstOf(names []string) string {
	return cleanName(names[0])
}
""",
    "cmd/main.go": """\
package main

import (
	"fmt"

	"example.com/shop/store"
)

func main() {
	s := store.NewStore()
	fmt.Println(s.Count())
}
""",
}

JAVA: Files = {
    "src/shop/Order.java": """\
package shop;

import java.util.ArrayList;
import java.util.List;

public class Order {
    public static final int MAX_LINES = 20;
    private final List<String> lines = new ArrayList<>();
    private String ownerName;

    public Order(String ownerName) {
        this.ownerName = ownerName;
    }

    public void addLine(String text, int quantity) {
        for (int i = 0; i < quantity; i++) {
            lines.add(text);
        }
    }

    public String getOwnerName() {
        return ownerName;
    }

    public static Order emptyOrder() {
        return new Order("nobody");
    }

    public int lineCount() {
        int count = lines.size();
        return count;
    }
}
""",
    "src/shop/Status.java": """\
package shop;

public enum Status {
    NEW(1),
    PAID(2),
    SENT(3);

    private final int code;

    Status(int code) {
        this.code = code;
    }
}
""",
    "src/shop/Sender.java": """\
package shop;

public interface Sender {
    void sendOrder(Order order);
}
""",
    "src/shop/Desk.java": """\
package shop;

public class Desk {
    public Order open(String name) {
        Order order = new Order(name);
        order.addLine("first", 1);
        return order;
    }

    public String describe(Order order) {
        return order.getOwnerName();
    }
}
""",
}

RUST: Files = {
    "src/store.rs": """\
use std::collections::HashMap;

pub const DEFAULT_LIMIT: usize = 50;

pub struct Record {
    pub title: String,
    pub owner_name: String,
}

pub enum Level {
    Low = 1,
    Middle = 2,
    High = 3,
}

pub trait Keeper {
    fn keep_record(&mut self, record: Record);
}

pub struct Store {
    records: HashMap<String, Record>,
}

impl Store {
    pub fn new_store() -> Self {
        Store { records: HashMap::new() }
    }

    pub fn find_record(&self, title: &str) -> Option<&Record> {
        self.records.get(title)
    }
}

pub fn clean_title(title: &str) -> String {
    title.trim().to_string()
}

pub fn join_titles(titles: &[String], separator: &str) -> String {
    let count = titles.len();
    if count == 0 {
        return String::new();
    }
    titles.join(separator)
}
""",
    "src/list.rs": """\
use crate::store::{clean_title, Store};

pub fn first(store: &Store) -> bool {
    store.find_record(&clean_title("a")).is_some()
}
""",
}

C: Files = {
    "src/shop.h": """\
#ifndef SHOP_H
#define SHOP_H

#define MAX_LINES 20

enum level {
    LEVEL_LOW = 1,

    LEVEL_MIDDLE = 2,

    LEVEL_HIGH = 3
};

struct order {
    int line_count;
    const char *owner_name;
};

struct order *make_order(const char *owner);
int count_lines(struct order *order, int least);

#endif
""",
    "src/shop.c": """\
#include "shop.h"

static int clean_count(int count)
{
    return count < 0 ? 0 : count;
}

struct order *make_order(const char *owner)
{
    static struct order made;
    made.owner_name = owner;
    made.line_count = clean_count(0);
    return &made;
}

int count_lines(struct order *order, int least)
{
    int total = order->line_count;
    if (total < least) {
        return 0;
    }

    least = 0;
    return order->line_count;
}
""",
    "src/main.c": """\
#include "shop.h"

int main(void)
{
    return count_lines(make_order("a"), 1);
}
""",
    "src/other.c": """\
#include "shop.h"

int unused(void)
{
    return 0;
}
""",
}

RUBY: Files = {
    "lib/shop/order.rb": """\
module Shop
  class Order
    MAX_LINES = 20

    attr_reader :owner_name

    def initialize(owner_name, currency: "EUR")
      @owner_name = owner_name
      @currency = currency
      @lines = []
    end

    def add_line(text, quantity)
      total = quantity * 2
      return if total > MAX_LINES

      @lines << text
      @lines.size
    end

    def clear_lines
      @lines.clear
    end
  end

  def self.parse_price(text)
    text.to_i
  end
end
""",
    "lib/shop/desk.rb": """\
require_relative "order"

module Shop
  class Desk
    def open_order(name)
      order = Order.new(name)
      order.add_line("first", 1)
      order
    end
  end
end
""",
    "lib/shop/report.rb": """\
module Shop
  class Report
    def title
      "Report"
    end
  end
end
""",
}

PLAIN: Files = {
    "db/schema.sql": """\
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    full_name TEXT NOT NULL,
    email_address TEXT,
    created_at TIMESTAMP
);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers(id),
    total_cents INTEGER
);
""",
    "app/queries.py": """\
def find(db, number):
    return db.execute("SELECT id, full_name FROM customers WHERE id = ?", (number,))


def orders(db):
    return db.execute("SELECT id FROM orders")
""",
    "config.json": """\
{
  "name": "shop",
  "request_timeout": 30,
  "page_size": 20,
  "cache_folder": "/tmp",
  "log_level": "info"
}
""",
    "settings.toml": """\
[server]
listen_address = "0.0.0.0"
worker_count = 4

[database]
pool_size = 10
connect_timeout = 5
""",
    "docker-compose.yml": """\
services:
  web:
    image: web
    ports:
      - "8000:8000"

  db:
    image: postgres
    ports:
      - "5432:5432"

  cache:
    image: redis
    ports:
      - "6379:6379"
""",
    "api/shop.proto": """\
syntax = "proto3";

message Order {
  string id = 1;
  string owner = 2;

  int64 total = 3;
  string note = 4;

  bool paid = 5;
}

enum Kind {
  KIND_UNKNOWN = 0;
  KIND_SMALL = 1;

  KIND_LARGE = 2;
}
""",
    "app/load.py": """\
import json


def load(path):
    with open(path) as file:
        return json.load(file)


def name_of(config):
    return config["name"]
""",
    "locale/en.json": """\
{
  "title": "Shop",
  "welcome": "Welcome",
  "goodbye": "Goodbye",
  "cart": "Cart",
  "pay": "Pay"
}
""",
    "app/migrations/0001_initial.py": "dependencies = []\n",
    "app/migrations/0002_names.py": "dependencies = []\n",
    "db/migration/V1__start.sql": "SELECT 1;\n",
    "db/migration/V2__more.sql": "SELECT 2;\n",
    "alembic/versions/a1_start.py": 'revision = "a1"\ndown_revision = None\n',
    "alembic/versions/b2_more.py": 'revision = "b2"\ndown_revision = "a1"\n',
    "docs/adr/0001-use-git.md": "# Use git\n",
    "docs/adr/0002-use-trees.md": "# Use trees\n",
    "db/migrate/20240101120000_start.rb": "class Start; end\n",
    "db/migrate/20240102120000_more.rb": "class More; end\n",
}

REMOVED, SIGNATURE, TWICE, NUMBER, CHANGED = "removed", "signature", "twice", "number", "changed"

SEEDS: list[Seed] = [
    # Python: gone or renamed, and newly used
    Seed(REMOVED, "py: function renamed, new call in another file", PY,
         [("shop/prices.py", "parse_price", "read_price"), ("shop/orders.py", "parse_price", "read_price")],
         [("shop/report.py", '"""Reports."""\n', '"""Reports."""\n\nfrom shop.prices import parse_price\n'),
          ("shop/report.py", "", NEW_PY.format("parse_price(value)"))]),
    Seed(REMOVED, "py: function removed, new call by module", PY,
         [("shop/prices.py", "def rounded(amount):\n    step = math.floor(amount * 100)\n    remainder = amount * 100 - step\n    if remainder > 0.5:\n        step += 1\n    return step / 100\n", "")],
         [("shop/report.py", '"""Reports."""\n', '"""Reports."""\n\nfrom shop import prices\n'),
          ("shop/report.py", "", NEW_PY.format("prices.rounded(value)"))]),
    Seed(REMOVED, "py: function renamed, new call in the same file", PY,
         [("shop/prices.py", "parse_price", "read_price"), ("shop/orders.py", "parse_price", "read_price")],
         [("shop/prices.py", "", NEW_PY.format("parse_price(value)"))]),
    Seed(REMOVED, "py: method renamed, new call elsewhere", PY,
         [("shop/prices.py", "add_entry", "append_entry"), ("shop/orders.py", "add_entry", "append_entry")],
         [("shop/report.py", "", "\n\ndef fill(basket):\n    basket.add_entry('x', 2)\n")]),
    Seed(REMOVED, "py: method removed, new call on self", PY,
         [("shop/prices.py", "    def is_full(self):\n        return len(self.entries) >= self.limit\n\n\n", "\n")],
         [("shop/prices.py", "        self.entries.append((name, quantity))\n",
           "        if self.is_full():\n            raise ValueError\n        self.entries.append((name, quantity))\n")]),
    Seed(REMOVED, "py: import tidied away, newly needed", PY,
         [("shop/prices.py", "import math\n", ""), ("shop/prices.py", "    step = math.floor(amount * 100)\n", "    step = int(amount * 100)\n")],
         [("shop/prices.py", "    cleaned = text.strip().lstrip(\"$\")\n", "    cleaned = text.strip().lstrip(\"$\")\n    math.isfinite(float(cleaned))\n")]),
    Seed(REMOVED, "py: local variable renamed, newly used in the function", PY,
         [("shop/invoice.py", "    header = headline(order)\n", "    title = headline(order)\n"), ("shop/invoice.py", "    parts = [header]\n", "    parts = [title]\n")],
         [("shop/invoice.py", "    return parts\n", "    log(header)\n    return parts\n")]),
    Seed(REMOVED, "py: parameter renamed, newly used in the body", PY,
         [("shop/prices.py", "def total(lines, discount=0):", "def total(lines, rebate=0):"), ("shop/prices.py", "    return amount - discount\n", "    return amount - rebate\n")],
         [("shop/prices.py", '    """Sum of all lines."""\n', '    """Sum of all lines."""\n    assert discount >= 0\n')]),
    Seed(REMOVED, "py: module moved, newly imported", PY,
         [("shop/report.py", "", "> shop/reporting/monthly.py"), ("shop/reporting/__init__.py", "", "\n")],
         [("shop/cli.py", "from shop import orders\n", "from shop import orders\nfrom shop.report import monthly\n"),
          ("shop/cli.py", "    orders.place(asked.name, [])\n", "    orders.place(asked.name, [])\n    print(monthly([]))\n")]),
    Seed(REMOVED, "py: constant renamed, newly imported", PY,
         [("shop/prices.py", "MAX_RETRIES", "MAX_ATTEMPTS")],
         [("shop/report.py", '"""Reports."""\n', '"""Reports."""\n\nfrom shop.prices import MAX_RETRIES\n'), ("shop/report.py", "", NEW_PY.format("value < MAX_RETRIES"))]),
    Seed(REMOVED, "py: class renamed, new subclass", PY,
         [("shop/orders.py", "class Handler:", "class OrderHandler:")],
         [("shop/report.py", "", "\n\nfrom shop.orders import Handler\n\n\nclass Mailer(Handler):\n    pass\n")]),
    Seed(REMOVED, "py: field of a dataclass renamed, newly read", PY,
         [("shop/models.py", "email_address", "mail")],
         [("shop/report.py", "", "\n\ndef mails(customers):\n    return [one.email_address for one in customers]\n")]),
    Seed(REMOVED, "py: attribute renamed, newly read", PY,
         [("shop/prices.py", "self.currency", "self.unit")],
         [("shop/report.py", "", "\n\ndef unit(basket):\n    return basket.currency\n")]),
    Seed(REMOVED, "py: enum member removed, newly used", PY,
         [("shop/orders.py", "    PAID = 2\n", "")],
         [("shop/report.py", "", "\n\nfrom shop.orders import Status\n\n\ndef paid(order):\n    return order.state == Status.PAID\n")]),
    # Python: signatures
    Seed(SIGNATURE, "py: new required parameter", PY,
         [("shop/prices.py", "def apply_tax(amount, rate):", "def apply_tax(amount, rate, country):"), ("shop/orders.py", "apply_tax(parse_price(texts[0]), 0)", "apply_tax(parse_price(texts[0]), 0, 'de')")],
         [("shop/report.py", "", "\n\nfrom shop.prices import apply_tax\n\n\ndef gross(value):\n    return apply_tax(value, 0.19)\n")]),
    Seed(SIGNATURE, "py: parameter removed", PY,
         [("shop/prices.py", "def total(lines, discount=0):", "def total(lines):"), ("shop/prices.py", "return amount - discount", "return amount"), ("tests/test_prices.py", "total([], 0)", "total([])")],
         [("shop/report.py", "", "\n\nfrom shop.prices import total\n\n\ndef gross(value):\n    return total(value, discount=3)\n")]),
    Seed(SIGNATURE, "py: parameters swapped", PY,
         [("shop/prices.py", "def apply_tax(amount, rate):", "def apply_tax(rate, amount):"), ("shop/orders.py", "apply_tax(parse_price(texts[0]), 0)", "apply_tax(0, parse_price(texts[0]))")],
         [("shop/orders.py", "", NEW_PY.format("apply_tax(value, 7)"))]),
    Seed(SIGNATURE, "py: keyword renamed", PY,
         [("shop/prices.py", "def apply_tax(amount, rate):\n    return amount * (1 + rate)", "def apply_tax(amount, percent):\n    return amount * (1 + percent)")],
         [("shop/report.py", "", "\n\nfrom shop import prices\n\n\ndef gross(value):\n    return prices.apply_tax(value, rate=1)\n")]),
    Seed(SIGNATURE, "py: method wants more", PY,
         [("shop/prices.py", "def add_entry(self, name, quantity):", "def add_entry(self, name, quantity, price):"), ("shop/orders.py", "basket.add_entry(text, 1)", "basket.add_entry(text, 1, 0)")],
         [("shop/report.py", "", "\n\ndef fill(basket):\n    basket.add_entry('x', 2)\n")]),
    Seed(SIGNATURE, "py: constructor wants more", PY,
         [("shop/prices.py", 'def __init__(self, owner, currency="EUR"):', 'def __init__(self, owner, shop, currency="EUR"):'), ("shop/orders.py", "Basket(owner)", "Basket(owner, 1)")],
         [("shop/report.py", "", "\n\nfrom shop.prices import Basket\n\n\ndef empty():\n    return Basket('nobody')\n")]),
    Seed(SIGNATURE, "py: became async", PY,
         [("shop/orders.py", "def cancel(order):", "async def cancel(order):")],
         [("shop/cli.py", "    orders.place(asked.name, [])\n", "    orders.place(asked.name, [])\n    orders.cancel(None)\n")]),
    Seed(SIGNATURE, "py: overridden with the old signature", PY,
         [("shop/orders.py", "def handle_order(self, order):", "def handle_order(self, order, retry):")],
         [("shop/report.py", "", "\n\nfrom shop.orders import Handler\n\n\nclass Mailer(Handler):\n    def handle_order(self, order):\n        return order\n")]),
    Seed(SIGNATURE, "py: dataclass field added, newly constructed", PY,
         [("shop/models.py", "    email_address: str\n", "    email_address: str\n    country: str\n")],
         [("shop/report.py", "", "\n\nfrom shop.models import Customer\n\n\ndef nobody():\n    return Customer('x', 'y')\n")]),
    Seed(SIGNATURE, "py: parameter became keyword-only", PY,
         [("shop/prices.py", "def apply_tax(amount, rate):", "def apply_tax(amount, *, rate):"), ("shop/orders.py", "apply_tax(parse_price(texts[0]), 0)", "apply_tax(parse_price(texts[0]), rate=0)")],
         [("shop/orders.py", "", NEW_PY.format("apply_tax(value, 7)"))]),
    # Python: twice
    Seed(TWICE, "py: two functions of one name", PY,
         [("shop/prices.py", "def parse_price(text):", "def average(lines):\n    return total(lines) / len(lines)\n\n\ndef parse_price(text):")],
         [("shop/prices.py", "", "\n\ndef average(values):\n    return sum(values) / 2\n")]),
    Seed(TWICE, "py: two tests of one name", PY,
         [("tests/test_prices.py", "def test_nothing_off():", "def test_negative():\n    assert total([], 1) == -1\n\n\ndef test_nothing_off():")],
         [("tests/test_prices.py", "", "\n\ndef test_negative():\n    assert total([], 2) < 0\n")]),
    Seed(TWICE, "py: two methods of one name", PY,
         [("shop/prices.py", '    def __init__(self, owner, currency="EUR"):', '    def clear(self):\n        self.entries = []\n\n    def __init__(self, owner, currency="EUR"):')],
         [("shop/prices.py", "        return len(self.entries) >= self.limit\n", "        return len(self.entries) >= self.limit\n\n    def clear(self):\n        self.entries.clear()\n")]),
    Seed(TWICE, "py: one key of a table twice", PY,
         [("shop/orders.py", '    "new": "New order",\n', '    "lost": "Lost",\n    "new": "New order",\n')],
         [("shop/orders.py", '    "sent": "On its way",\n', '    "sent": "On its way",\n    "lost": "Lost in the post",\n')]),
    Seed(TWICE, "py: one option of a command twice", PY,
         [("shop/cli.py", '    parser.add_argument("--name", help="who")\n', '    parser.add_argument("--name", help="who")\n    parser.add_argument("--format")\n')],
         [("shop/cli.py", '    parser.add_argument("--json", action="store_true")\n', '    parser.add_argument("--json", action="store_true")\n    parser.add_argument("--format", default="x")\n')]),
    Seed(TWICE, "py: two classes of one name", PY,
         [("shop/orders.py", "class Handler:", "class Refund:\n    pass\n\n\nclass Handler:")],
         [("shop/orders.py", "", "\n\nclass Refund:\n    amount = 0\n")]),
    # numbers
    Seed(NUMBER, "py: one enum value for two members", PY,
         [("shop/orders.py", "    NEW = 1\n", "    LOST = 4\n    NEW = 1\n")],
         [("shop/orders.py", "    SENT = 3\n", "    SENT = 3\n    BACK = 4\n")]),
    Seed(NUMBER, "py: one error code for two errors", PY,
         [("shop/orders.py", "ERR_UNKNOWN = 1000\n", "ERR_BROKEN = 1003\nERR_UNKNOWN = 1000\n")],
         [("shop/orders.py", "ERR_LATE = 1002\n", "ERR_LATE = 1002\nERR_LOST = 1003\n")]),
    Seed(NUMBER, "py: one route for two views", PY,
         [("shop/web.py", '@app.route("/orders/<int:number>")', '@app.route("/status")\ndef status():\n    return "up"\n\n\n@app.route("/orders/<int:number>")')],
         [("shop/web.py", "", '\n\n@app.route("/status")\ndef current_status():\n    return "fine"\n')]),
    Seed(NUMBER, "one Django migration number", PLAIN,
         [("app/migrations/0003_phone.py", "", "dependencies = []\n")], [("app/migrations/0003_mail.py", "", "dependencies = [1]\n")]),
    Seed(NUMBER, "one Flyway version", PLAIN,
         [("db/migration/V3__phone.sql", "", "SELECT 3;\n")], [("db/migration/V3__mail.sql", "", "SELECT 4;\n")]),
    Seed(NUMBER, "two heads of Alembic", PLAIN,
         [("alembic/versions/c3_phone.py", "", 'revision = "c3"\ndown_revision = "b2"\n')],
         [("alembic/versions/d4_mail.py", "", 'revision = "d4"\ndown_revision = "b2"\n')]),
    Seed(NUMBER, "one decision number", PLAIN,
         [("docs/adr/0003-use-rust.md", "", "# Rust\n")], [("docs/adr/0003-use-go.md", "", "# Go\n")]),
    Seed(NUMBER, "one Rails migration time", PLAIN,
         [("db/migrate/20240103120000_phone.rb", "", "class Phone; end\n")], [("db/migrate/20240103120000_mail.rb", "", "class Mail; end\n")]),
    Seed(NUMBER, "one port of the host for two services", PLAIN,
         [("docker-compose.yml", "  db:\n", "  mail:\n    image: mail\n    ports:\n      - \"8025:8025\"\n\n  db:\n")],
         [("docker-compose.yml", "", "\n  queue:\n    image: queue\n    ports:\n      - \"8025:9000\"\n")]),
    Seed(NUMBER, "one field number of a message", PLAIN,
         [("api/shop.proto", "  string id = 1;\n", "  string code = 6;\n  string id = 1;\n")], [("api/shop.proto", "  bool paid = 5;\n", "  bool paid = 5;\n  bool sent = 6;\n")]),
    Seed(NUMBER, "one value of a proto enum", PLAIN,
         [("api/shop.proto", "  KIND_UNKNOWN = 0;\n", "  KIND_UNKNOWN = 0;\n  KIND_TINY = 3;\n")], [("api/shop.proto", "  KIND_LARGE = 2;\n", "  KIND_LARGE = 2;\n  KIND_HUGE = 3;\n")]),
    Seed(NUMBER, "ts: one enum value for two members", TS,
         [("src/user.ts", "  Guest = 1,\n", "  Nobody = 4,\n  Guest = 1,\n")], [("src/user.ts", "  Admin = 3,\n", "  Admin = 3,\n  Owner = 4,\n")]),
    Seed(NUMBER, "js: one route twice", JS,
         [("src/app.js", "const app = express()\n", "const app = express()\n\napp.get('/status', (req, res) => {\n  res.send('up')\n})\n")],
         [("src/app.js", "module.exports = app\n", "app.get('/status', (req, res) => {\n  res.send('fine')\n})\n\nmodule.exports = app\n")]),
    Seed(NUMBER, "go: one code for two errors", GO,
         [("store/store.go", "\tCodeUnknown = 100\n", "\tCodeBroken  = 103\n\tCodeUnknown = 100\n")], [("store/store.go", "\tCodeLocked  = 102\n", "\tCodeLocked  = 102\n\tCodeLate    = 103\n")]),
    Seed(NUMBER, "java: one code of an enum", JAVA,
         [("src/shop/Status.java", "    NEW(1),\n", "    LOST(4),\n    NEW(1),\n")], [("src/shop/Status.java", "    SENT(3);\n", "    SENT(3),\n    BACK(4);\n")]),
    Seed(NUMBER, "rust: one number of an enum", RUST,
         [("src/store.rs", "    Low = 1,\n", "    None = 4,\n    Low = 1,\n")], [("src/store.rs", "    High = 3,\n", "    High = 3,\n    Top = 4,\n")]),
    # data files
    Seed(TWICE, "json: one key twice", PLAIN,
         [("locale/en.json", '  "title": "Shop",\n', '  "title": "Shop",\n  "help": "Help",\n')], [("locale/en.json", '  "cart": "Cart",\n', '  "cart": "Cart",\n  "help": "Assistance",\n')]),
    Seed(TWICE, "toml: one key twice", PLAIN,
         [("settings.toml", '[server]\n', '[server]\nread_timeout = 1\n')], [("settings.toml", "worker_count = 4\n", "worker_count = 4\nread_timeout = 9\n")]),
    Seed(TWICE, "yaml: one service twice", PLAIN,
         [("docker-compose.yml", "  db:\n", "  mail:\n    image: mail\n\n  db:\n")], [("docker-compose.yml", "", "\n  mail:\n    image: mailhog\n")]),
    Seed(REMOVED, "sql: column renamed, newly asked for", PLAIN,
         [("db/schema.sql", "    email_address TEXT,\n", "    email TEXT,\n")],
         [("app/queries.py", "", '\n\ndef mails(db):\n    return db.execute("SELECT email_address FROM customers")\n')]),
    Seed(REMOVED, "json: key renamed, newly read", PLAIN,
         [("config.json", '"request_timeout": 30', '"timeout_seconds": 30')],
         [("app/load.py", "", '\n\ndef timeout(config):\n    return config["request_timeout"]\n')]),
    Seed(REMOVED, "toml: key removed, newly read", PLAIN,
         [("settings.toml", "connect_timeout = 5\n", "")],
         [("app/load.py", "", '\n\ndef timeout(config):\n    return config["database"]["connect_timeout"]\n')]),
    # changed values
    Seed(CHANGED, "py: constant with another unit, new user", PY,
         [("shop/prices.py", "MAX_RETRIES = 3\n", "MAX_RETRIES = (3, 10)\n")],
         [("shop/report.py", "", "\n\nfrom shop.prices import MAX_RETRIES\n\n\ndef again(value):\n    return value < MAX_RETRIES\n")]),
    Seed(CHANGED, "py: constant with another value, new user", PY,
         [("shop/orders.py", "ERR_LATE = 1002\n", "ERR_LATE = 2002\n")],
         [("shop/report.py", "", "\n\nfrom shop import orders\n\n\ndef late(code):\n    return code == orders.ERR_LATE\n")]),
    Seed(CHANGED, "js: constant with another value, new user", JS,
         [("src/format.js", "const MAX_WIDTH = 80", "const MAX_WIDTH = '80ch'")],
         [("src/report.js", "  return label + count\n", "  return label + Math.min(count, format.MAX_WIDTH)\n")]),
    Seed(CHANGED, "go: constant with another value, new user", GO,
         [("store/store.go", "const DefaultLimit = 50", "const DefaultLimit = 5000")],
         [("store/list.go", "", "\nfunc (s *Store) Full() bool {\n\treturn s.Count() >= DefaultLimit\n}\n")]),
    Seed(CHANGED, "rust: constant with another value, new user", RUST,
         [("src/store.rs", "pub const DEFAULT_LIMIT: usize = 50;", "pub const DEFAULT_LIMIT: usize = 5000;")],
         [("src/list.rs", "", "\npub fn full(count: usize) -> bool {\n    count >= crate::store::DEFAULT_LIMIT\n}\n")]),
    Seed(CHANGED, "java: constant with another value, new user", JAVA,
         [("src/shop/Order.java", "MAX_LINES = 20", "MAX_LINES = 0")],
         [("src/shop/Desk.java", "    public String describe", "    public boolean full(Order order) {\n        return order.lineCount() >= Order.MAX_LINES;\n    }\n\n    public String describe")]),
    Seed(NUMBER, "py: one port for two services", PY,
         [("shop/settings.py", "WEB_PORT = 8000\n", "METRICS_PORT = 9100\nWEB_PORT = 8000\n")],
         [("shop/settings.py", "QUEUE_PORT = 5672\n", "QUEUE_PORT = 5672\nADMIN_PORT = 9100\n")]),
    Seed(REMOVED, "py: fixture renamed, new test that asks for it", PY,
         [("tests/conftest.py", "shop_client", "web_client")],
         [("tests/test_web.py", "", "def test_list(shop_client):\n    assert shop_client\n")]),
    Seed(NUMBER, "py: one route in two files", PY,
         [("shop/admin.py", "", "from shop.web import app\n\n\n@app.route('/status')\ndef status():\n    return 'up'\n")],
         [("shop/extra.py", "", "from shop.web import app\n\n\n@app.route('/status')\ndef current():\n    return 'fine'\n")]),
    Seed(TWICE, "py: one command in two files", PY,
         [("shop/more.py", "", "from shop.commands import cli\n\n\n@cli.command('export')\ndef export_all():\n    pass\n")],
         [("shop/other.py", "", "from shop.commands import cli\n\n\n@cli.command('export')\ndef export_some():\n    pass\n")]),
    Seed(CHANGED, "py: field of another type, newly read", PY,
         [("shop/models.py", "    email_address: str\n", "    email_address: list[str]\n")],
         [("shop/report.py", "", "\n\ndef mails(customers):\n    return [one.email_address.lower() for one in customers]\n")]),
    Seed(CHANGED, "sql: column of another type, newly asked for", PLAIN,
         [("db/schema.sql", "    total_cents INTEGER\n", "    total_cents TEXT\n")],
         [("app/queries.py", "", '\n\ndef sums(db):\n    return db.execute("SELECT sum(total_cents) FROM orders")\n')]),
    # JavaScript
    Seed(REMOVED, "js: function renamed, new call by require", JS,
         [("src/format.js", "padLeft", "padStart"), ("src/report.js", "padLeft", "padStart")],
         [("src/app.js", "const { formatLine } = require('./format')\n", "const { formatLine, padLeft } = require('./format')\n"), ("src/app.js", "  res.send('ok')\n", "  res.send(padLeft('ok', 4, ' '))\n")]),
    Seed(REMOVED, "js: import tidied away, newly needed", JS,
         [("src/format.js", "const path = require('path')\n", ""), ("src/format.js", "  return path.basename(file)\n", "  return file.split('/').pop()\n")],
         [("src/format.js", "  return text.slice(0, width)\n", "  return path.normalize(text).slice(0, width)\n")]),
    Seed(REMOVED, "js: method renamed, newly called", JS,
         [("src/format.js", "flushAll", "close")],
         [("src/report.js", "function summary(rows) {\n", "function finish(printer) {\n  printer.flushAll()\n}\n\nfunction summary(rows) {\n")]),
    Seed(REMOVED, "js: local renamed, newly used", JS,
         [("src/invoice.js", "  const header = headline(order)\n", "  const title = headline(order)\n"), ("src/invoice.js", "  const parts = [header]\n", "  const parts = [title]\n")],
         [("src/invoice.js", "  return parts\n", "  log(header)\n  return parts\n")]),
    Seed(SIGNATURE, "js: parameters swapped, new call", JS,
         [("src/format.js", "function formatLine(text, width)", "function formatLine(width, text)"), ("src/format.js", "formatLine(text, this.width)", "formatLine(this.width, text)"), ("src/app.js", "formatLine('users', 10)", "formatLine(10, 'users')")],
         [("src/app.js", "  res.send('ok')\n", "  res.send(formatLine('ok', 2))\n")]),
    Seed(SIGNATURE, "js: one more argument wanted", JS,
         [("src/format.js", "constructor(stream, width) {", "constructor(stream, encoding, width) {")],
         [("src/report.js", "function summary(rows) {\n", "function printer(stream) {\n  return new format.Printer(stream, 80)\n}\n\nfunction summary(rows) {\n")]),
    Seed(TWICE, "js: two functions of one name", JS,
         [("src/report.js", "function report(rows) {", "function average(rows) {\n  return rows.length / 2\n}\n\nfunction report(rows) {")],
         [("src/report.js", "module.exports =", "function average(values) {\n  return values[0]\n}\n\nmodule.exports =")]),
    # TypeScript
    Seed(REMOVED, "ts: function renamed, newly imported", TS,
         [("src/user.ts", "createUser", "makeUser"), ("src/service.ts", "createUser", "makeUser")],
         [("src/view.ts", "import { User } from './user'", "import { User, createUser } from './user'"), ("src/view.ts", "", "\nexport const nobody = createUser(0, '')\n")]),
    Seed(REMOVED, "ts: field of an interface renamed, newly read", TS,
         [("src/user.ts", "emailAddress", "mail")],
         [("src/view.ts", "", "\nexport function mail(user: User): string {\n  return user.emailAddress\n}\n")]),
    Seed(REMOVED, "ts: file moved, newly imported", TS,
         [("src/view.ts", "", "> src/views/user.ts")],
         [("src/service.ts", "import { UserStore, createUser } from './user'\n", "import { UserStore, createUser } from './user'\nimport { show } from './view'\n"), ("src/service.ts", "", "\nexport const shown = show(createUser(1, ''))\n")]),
    Seed(SIGNATURE, "ts: function wants more", TS,
         [("src/user.ts", "createUser(id: number, displayName: string): User", "createUser(id: number, displayName: string, role: Role): User"), ("src/service.ts", "createUser(1, 'first')", "createUser(1, 'first', 1)")],
         [("src/view.ts", "import { User } from './user'", "import { User, createUser } from './user'"), ("src/view.ts", "", "\nexport const nobody = createUser(0, '')\n")]),
    Seed(SIGNATURE, "ts: became async, not awaited", TS,
         [("src/service.ts", "export function register(store: UserStore): void", "export async function register(store: UserStore): Promise<void>")],
         [("src/view.ts", "import { User } from './user'", "import { User } from './user'\nimport { register } from './service'"), ("src/view.ts", "", "\nexport function start(store: any): void {\n  register(store)\n}\n")]),
    Seed(SIGNATURE, "ts: interface demands more, new class", TS,
         [("src/user.ts", "  exportAll(users: User[]): string\n", "  exportAll(users: User[]): string\n  contentType(): string\n")],
         [("src/view.ts", "", "\nimport { Exporter } from './user'\n\nexport class Csv implements Exporter {\n  exportAll(users: User[]): string {\n    return ''\n  }\n}\n")]),
    Seed(TWICE, "ts: one key of a table twice", TS,
         [("src/service.ts", "  guest: 'Guest',\n", "  owner: 'Owner',\n  guest: 'Guest',\n")], [("src/service.ts", "  admin: 'Admin',\n", "  admin: 'Admin',\n  owner: 'Boss',\n")]),
    # Go
    Seed(REMOVED, "go: function renamed, new call in the package", GO,
         [("store/store.go", "cleanName", "trimName"), ("store/list.go", "cleanName", "trimName")],
         [("store/more.go", "", 'package store\n\nfunc lastOf(names []string) string {\n\treturn cleanName(names[len(names)-1])\n}\n')]),
    Seed(REMOVED, "go: method renamed, new call elsewhere", GO,
         [("store/store.go", "FindRecord", "LookUp")],
         [("cmd/main.go", "\tfmt.Println(s.Count())\n", "\tfmt.Println(s.Count())\n\tfmt.Println(s.FindRecord(\"a\"))\n")]),
    Seed(REMOVED, "go: field renamed, newly used", GO,
         [("store/store.go", "\tAddress string\n", "\tStreet  string\n")],
         [("store/list.go", "", "\nfunc address(record Record) string {\n\treturn record.Address\n}\n")]),
    Seed(REMOVED, "go: import gone, newly needed", GO,
         [("store/store.go", '\t"errors"\n', '\t"fmt"\n'), ("store/store.go", 'errors.New("missing")', 'fmt.Errorf("missing")')],
         [("store/store.go", "\ttotal := len(names)\n", "\ttotal := len(names)\n\tif errors.Is(nil, ErrMissing) {\n\t\treturn separator\n\t}\n")]),
    Seed(SIGNATURE, "go: function wants more", GO,
         [("store/store.go", "func NewStore() *Store", "func NewStore(limit int) *Store"), ("cmd/main.go", "store.NewStore()", "store.NewStore(5)")],
         [("cmd/second.go", "", 'package main\n\nimport "example.com/shop/store"\n\nfunc second() {\n\t_ = store.NewStore()\n}\n')]),
    Seed(SIGNATURE, "go: function returns more", GO,
         [("store/store.go", "func cleanName(name string) string {\n\treturn strings.TrimSpace(name)\n", "func cleanName(name string) (string, error) {\n\treturn strings.TrimSpace(name), nil\n"), ("store/list.go", "\treturn cleanName(names[0])\n", "\tname, _ := cleanName(names[0])\n\treturn name\n")],
         [("store/more.go", "", 'package store\n\nfunc lastOf(names []string) string {\n\treturn cleanName(names[len(names)-1])\n}\n')]),
    Seed(TWICE, "go: one function in two files", GO,
         [("store/more.go", "", "package store\n\nfunc lastOf(names []string) string {\n\treturn names[0]\n}\n")],
         [("store/list.go", "", "\nfunc lastOf(names []string) string {\n\treturn names[len(names)-1]\n}\n")]),
    # Java
    Seed(REMOVED, "java: method renamed, new call", JAVA,
         [("src/shop/Order.java", "getOwnerName", "owner"), ("src/shop/Desk.java", "getOwnerName", "owner")],
         [("src/shop/Mail.java", "", "package shop;\n\npublic class Mail {\n    String to(Order order) {\n        return order.getOwnerName();\n    }\n}\n")]),
    Seed(REMOVED, "java: field renamed, newly used in the class", JAVA,
         [("src/shop/Order.java", "ownerName", "owner")],
         [("src/shop/Order.java", "        int count = lines.size();\n", "        int count = lines.size();\n        if (ownerName == null) {\n            return 0;\n        }\n")]),
    Seed(SIGNATURE, "java: constructor wants more", JAVA,
         [("src/shop/Order.java", "public Order(String ownerName) {", "public Order(String ownerName, int number) {"), ("src/shop/Order.java", 'new Order("nobody")', 'new Order("nobody", 0)'), ("src/shop/Desk.java", "new Order(name)", "new Order(name, 1)")],
         [("src/shop/Mail.java", "", 'package shop;\n\npublic class Mail {\n    Order test() {\n        return new Order("mail");\n    }\n}\n')]),
    Seed(SIGNATURE, "java: method wants more", JAVA,
         [("src/shop/Order.java", "addLine(String text, int quantity)", "addLine(String text, int quantity, int price)"), ("src/shop/Desk.java", 'addLine("first", 1)', 'addLine("first", 1, 0)')],
         [("src/shop/Mail.java", "", 'package shop;\n\npublic class Mail {\n    void fill(Order order) {\n        order.addLine("mail", 2);\n    }\n}\n')]),
    Seed(SIGNATURE, "java: interface demands more, new class", JAVA,
         [("src/shop/Sender.java", "    void sendOrder(Order order);\n", "    void sendOrder(Order order);\n\n    String senderName();\n")],
         [("src/shop/Mail.java", "", "package shop;\n\npublic class Mail implements Sender {\n    public void sendOrder(Order order) {\n    }\n}\n")]),
    Seed(TWICE, "java: two methods of one signature", JAVA,
         [("src/shop/Order.java", "    public void addLine(", "    public void clear() {\n        lines.clear();\n    }\n\n    public void addLine(")],
         [("src/shop/Order.java", "        return count;\n    }\n", "        return count;\n    }\n\n    public void clear() {\n        ownerName = null;\n    }\n")]),
    # Rust
    Seed(REMOVED, "rust: function renamed, newly used", RUST,
         [("src/store.rs", "clean_title", "trimmed"), ("src/list.rs", "clean_title", "trimmed")],
         [("src/more.rs", "", "use crate::store::clean_title;\n\npub fn last(title: &str) -> String {\n    clean_title(title)\n}\n")]),
    Seed(REMOVED, "rust: field renamed, newly read", RUST,
         [("src/store.rs", "    pub owner_name: String,\n", "    pub owner: String,\n")],
         [("src/list.rs", "", "\npub fn owner(record: &crate::store::Record) -> &str {\n    &record.owner_name\n}\n")]),
    Seed(SIGNATURE, "rust: function wants more", RUST,
         [("src/store.rs", "pub fn clean_title(title: &str) -> String {", "pub fn clean_title(title: &str, lower: bool) -> String {"), ("src/list.rs", 'clean_title("a")', 'clean_title("a", true)')],
         [("src/more.rs", "", "use crate::store::clean_title;\n\npub fn last(title: &str) -> String {\n    clean_title(title)\n}\n")]),
    Seed(SIGNATURE, "rust: trait demands more, new implementation", RUST,
         [("src/store.rs", "    fn keep_record(&mut self, record: Record);\n", "    fn keep_record(&mut self, record: Record);\n    fn forget_all(&mut self);\n")],
         [("src/more.rs", "", "use crate::store::{Keeper, Record};\n\npub struct Nothing;\n\nimpl Keeper for Nothing {\n    fn keep_record(&mut self, _record: Record) {}\n}\n")]),
    Seed(TWICE, "rust: two functions of one name", RUST,
         [("src/store.rs", "pub fn clean_title(", "pub fn last_title() -> String {\n    String::new()\n}\n\npub fn clean_title(")],
         [("src/store.rs", "", "\npub fn last_title() -> usize {\n    0\n}\n")]),
    # C
    Seed(REMOVED, "c: function renamed, new call", C,
         [(path, "make_order", "new_order") for path in ("src/shop.h", "src/shop.c", "src/main.c")],
         [("src/other.c", "    return 0;\n", "    return make_order(\"b\") != 0;\n")]),
    Seed(REMOVED, "c: field renamed, newly read", C,
         [("src/shop.h", "owner_name", "owner"), ("src/shop.c", "owner_name", "owner")],
         [("src/other.c", "", "\nconst char *whose(struct order *order)\n{\n    return order->owner_name;\n}\n")]),
    Seed(REMOVED, "c: local renamed, newly used", C,
         [("src/shop.c", "    int total = order->line_count;\n    if (total < least)", "    int lines = order->line_count;\n    if (lines < least)")],
         [("src/shop.c", "    return order->line_count;\n", "    return total;\n")]),
    Seed(SIGNATURE, "c: function wants more, new call", C,
         [("src/shop.h", "count_lines(struct order *order, int least)", "count_lines(struct order *order, int least, int most)"),
          ("src/shop.c", "count_lines(struct order *order, int least)", "count_lines(struct order *order, int least, int most)"),
          ("src/main.c", "(make_order(\"a\"), 1)", "(make_order(\"a\"), 1, 2)")],
         [("src/other.c", "    return 0;\n", "    return count_lines(0, 3);\n")]),
    Seed(TWICE, "c: two functions of one name", C,
         [("src/shop.c", "static int clean_count(int count)\n", "int half(int count)\n{\n    return count / 2;\n}\n\nstatic int clean_count(int count)\n")],
         [("src/shop.c", "", "\nint half(int total)\n{\n    return total >> 1;\n}\n")]),
    Seed(NUMBER, "c: one enum value for two names", C,
         [("src/shop.h", "    LEVEL_LOW = 1,\n", "    LEVEL_NONE = 4,\n    LEVEL_LOW = 1,\n")], [("src/shop.h", "    LEVEL_HIGH = 3\n", "    LEVEL_TOP = 4,\n    LEVEL_HIGH = 3\n")]),
    # Ruby
    Seed(REMOVED, "ruby: method renamed, new call", RUBY,
         [("lib/shop/order.rb", "clear_lines", "empty")],
         [("lib/shop/desk.rb", "      order\n    end\n", "      order\n    end\n\n    def close(order)\n      order.clear_lines\n    end\n")]),
    Seed(REMOVED, "ruby: attribute renamed, newly read", RUBY,
         [("lib/shop/order.rb", "owner_name", "owner")],
         [("lib/shop/report.rb", '      "Report"\n', '      "Report"\n    end\n\n    def whose(order)\n      order.owner_name\n')]),
    Seed(REMOVED, "ruby: local renamed, newly used", RUBY,
         [("lib/shop/order.rb", "      total = quantity * 2\n      return if total > MAX_LINES\n", "      doubled = quantity * 2\n      return if doubled > MAX_LINES\n")],
         [("lib/shop/order.rb", "      @lines.size\n", "      @lines.size + total\n")]),
    Seed(SIGNATURE, "ruby: method wants more, new call", RUBY,
         [("lib/shop/order.rb", "add_line(text, quantity)", "add_line(text, quantity, price)"), ("lib/shop/desk.rb", 'add_line("first", 1)', 'add_line("first", 1, 0)')],
         [("lib/shop/report.rb", '      "Report"\n', '      "Report"\n    end\n\n    def fill(order)\n      order.add_line("x", 2)\n')]),
    Seed(SIGNATURE, "ruby: constructor wants more, newly made", RUBY,
         [("lib/shop/order.rb", 'initialize(owner_name, currency: "EUR")', 'initialize(owner_name, number, currency: "EUR")'), ("lib/shop/desk.rb", "Order.new(name)", "Order.new(name, 1)")],
         [("lib/shop/report.rb", '      "Report"\n', '      "Report"\n    end\n\n    def empty\n      Order.new("nobody")\n')]),
    Seed(TWICE, "ruby: two methods of one name", RUBY,
         [("lib/shop/order.rb", "    def add_line(", "    def size\n      @lines.size\n    end\n\n    def add_line(")],
         [("lib/shop/order.rb", "      @lines.clear\n    end\n", "      @lines.clear\n    end\n\n    def size\n      @lines.length\n    end\n")]),
]  # fmt: skip
