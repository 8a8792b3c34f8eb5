"""What the files of a checkout are called when they are imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gapless.demo.checkout import find_checkout
from gapless.demo.python.modules import ModuleNames

Plant = Callable[..., Path]


LAYOUT = {
    "setup.cfg": "",
    "conftest.py": "",
    "src/shop/__init__.py": "",
    "src/shop/orders/__init__.py": "",
    "src/shop/orders/model.py": "",
    "src/shop/redis.py": "",
    "src/shop/logging.py": "",
    "tests/helpers.py": "",
    "tests/unit/test_orders.py": "",
    "my-scripts/run.py": "",
    "my-scripts/tools.py": "",
    "packages/mail/pyproject.toml": "",
    "packages/mail/mail/__init__.py": "",
    "packages/mail/mail/smtp.py": "",
    "packages/pay/setup.py": "",
    "packages/pay/src/acme/pay/api.py": "",
}


def names_below(path: Path) -> ModuleNames:
    checkout = find_checkout(path)
    return ModuleNames(checkout.root, checkout.files)


@pytest.fixture
def names(plant: Plant) -> ModuleNames:
    return names_below(plant(LAYOUT))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("conftest.py", "conftest"),
        ("src/shop/__init__.py", "shop"),
        ("src/shop/orders/__init__.py", "shop.orders"),
        ("src/shop/orders/model.py", "shop.orders.model"),
        ("tests/unit/test_orders.py", "tests.unit.test_orders"),
        ("my-scripts/run.py", "run"),
        ("packages/mail/mail/smtp.py", "mail.smtp"),
        ("packages/pay/src/acme/pay/api.py", "acme.pay.api"),
    ],
)
def test_a_name_counts_from_src_or_the_project_or_the_root(names: ModuleNames, file: str, name: str) -> None:
    assert names.name(file) == name


def test_the_inside_of_a_package_keeps_the_names_of_the_packages_around_it(plant: Plant) -> None:
    root = plant({"shop/__init__.py": "", "shop/orders/__init__.py": "", "shop/orders/model.py": ""})
    names = names_below(root / "shop" / "orders")
    assert names.name("__init__.py") == "shop.orders"
    assert names.name("model.py") == "shop.orders.model"


@pytest.mark.parametrize(
    ("name", "importer", "file"),
    [
        ("shop", "tests/unit/test_orders.py", "src/shop/__init__.py"),
        ("shop.orders.model", "src/shop/redis.py", "src/shop/orders/model.py"),
        ("acme.pay.api", "conftest.py", "packages/pay/src/acme/pay/api.py"),
        # A script's own directory, and a directory of tests, are where imports begin.
        ("tools", "my-scripts/run.py", "my-scripts/tools.py"),
        ("helpers", "tests/unit/test_orders.py", "tests/helpers.py"),
        ("helpers", "src/shop/redis.py", None),
        # A script that is called like the package it uses does not import itself.
        ("tools", "my-scripts/tools.py", None),
        # Inside a package, the neighbours are no modules of the top level.
        ("redis", "src/shop/logging.py", None),
        ("redis", "src/shop/redis.py", None),
        ("logging", "src/shop/redis.py", None),
        ("tools", "conftest.py", None),
        ("shop.nothing", "conftest.py", None),
    ],
)
def test_an_import_means_what_it_would_find_at_run_time(
    names: ModuleNames, name: str, importer: str, file: str | None
) -> None:
    assert names.find(name, importer) == (() if file is None else (file,))


def test_the_standard_library_is_not_shadowed_by_a_neighbour(plant: Plant) -> None:
    names = names_below(plant({"tools/logging.py": "", "tools/run.py": ""}))
    assert names.find("logging", "tools/run.py") == ()
