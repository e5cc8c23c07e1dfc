"""Tables of services: telecom, airline, and exports as offices in several countries write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from openpyxl import Workbook

from tests.tables.shape import Planted, Shape, Values
from tests.tables.shops import CODE, COUNT, FLAG, SPENDS

INTERNET = (
    *("OnlineSecurity", "OnlineBackup", "DeviceProtection"),
    *("TechSupport", "StreamingTV", "StreamingMovies"),
)


def telecom() -> tuple[pd.DataFrame, Values]:
    """Return phone customers: new ones with fibre, long-standing ones, phone only."""
    p = Planted(800, (4, 3, 3), 21)
    letters = "BCDFGHJKLMNPQRSTVWXZ"
    codes = ["".join(letters[(i * s + s) % 20] for s in (1, 3, 7, 9, 11)) for i in range(800)]
    tenure = p.whole((9, 55, 25), 7, 0, 72)
    tenure[p.rng.permutation(800)[:9]] = 0
    monthly = p.money((86, 98, 20), 0.07)
    internet = p.words(("DSL", "Fiber optic", "No"), (1, 12, 0), (3, 12, 0), (0, 0, 1))
    columns: dict[str, Values] = {
        "customerID": np.array([f"{1000 + 9 * i}-{codes[i]}" for i in range(800)]),
        "gender": p.words(("Male", "Female")),
        "SeniorCitizen": p.flags(0.16),
        "Partner": p.yes((0.3, 0.7, 0.48)),
        "Dependents": p.yes((0.15, 0.35, 0.4)),
        "tenure": tenure,
        "PhoneService": p.yes(0.95),
    }
    lines = p.yes((0.4, 0.8, 0.2))
    columns["MultipleLines"] = np.where(columns["PhoneService"] == "Yes", lines, "No phone service")
    columns["InternetService"] = internet
    for name in INTERNET:
        bought = p.yes((0.2, 0.85, 0.0))
        columns[name] = np.where(internet == "No", "No internet service", bought)
    total = [f"{t * m:.2f}" if t else " " for t, m in zip(tenure, monthly, strict=True)]
    columns |= {
        "Contract": p.words(
            ("Month-to-month", "One year", "Two year"), (18, 1, 0), (1, 6, 12), (5, 4, 6)
        ),
        "PaperlessBilling": p.yes((0.75, 0.65, 0.3)),
        "PaymentMethod": p.words(
            (
                "Electronic check",
                "Mailed check",
                "Bank transfer (automatic)",
                "Credit card (automatic)",
            ),
            (7, 2, 1, 1),
            (1, 0.5, 5, 5),
            (1, 5, 2, 2),
        ),
        "MonthlyCharges": monthly,
        "TotalCharges": np.array(total, dtype=object),
        "Churn": p.yes((0.5, 0.1, 0.07)),
    }
    return pd.DataFrame(columns), p.group


def read_telecom(path: Path) -> pd.DataFrame:
    """Read the customers, blank totals as missing."""
    frame = pd.read_csv(path)
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    return frame


def airline() -> tuple[pd.DataFrame, Values]:
    """Return members of a programme for fliers: idle, card collectors, frequent fliers."""
    p = Planted(700, (5, 3, 2), 22)
    trips = np.where(p.flags((0.1, 0.25, 0.98)) == 1, 1 + p.counts((0.5, 1, 6)), 0)
    frame = pd.DataFrame(
        {
            "ID#": np.arange(1, 701),
            "Balance": p.money((21_000, 95_000, 130_000), 0.35, 0),
            "Qual_miles": np.where(p.flags((0.01, 0.03, 0.6)) == 1, p.money(1500, 0.4, 0), 0),
            "cc1_miles": p.words(
                (1, 2, 3, 4, 5), (30, 1, 1, 0, 0), (0, 1, 5, 8, 6), (20, 4, 3, 1, 0)
            ),
            "cc2_miles": p.words((1, 2, 3), (98, 1, 0.3)),
            "cc3_miles": p.words((1, 2, 3, 4, 5), (98, 0.2, 0.6, 0.4, 0.2)),
            "Bonus_miles": p.money((1800, 46_000, 16_000), 0.4, 0),
            "Bonus_trans": p.counts((4, 20, 17)),
            "Flight_miles_12mo": trips * p.money(600, 0.3, 0),
            "Flight_trans_12": trips,
            "Days_since_enroll": p.whole((3300, 4900, 4300), 1100, 2, 8296),
            "Award?": p.flags((0.2, 0.55, 0.7)),
        }
    )
    return frame, p.group


def german_export() -> tuple[pd.DataFrame, Values]:
    """Return customers of a German shop: rare, regular and large buyers."""
    p = Planted(600, (4, 4, 2), 23)
    orders = 1 + p.counts((1, 9, 28))
    frame = pd.DataFrame(
        {
            "Kundennummer": 40_000 + p.rng.permutation(50_000)[:600],
            "Geschlecht": p.words(("w", "m"), (5, 4)),
            "Familienstand": p.words(
                ("ledig", "verheiratet", "geschieden", "verwitwet"), (4, 4, 1.5, 0.5)
            ),
            "Kunde seit": p.days("2012-01-01", "2024-12-31").strftime("%d.%m.%Y"),
            "Umsatz": p.money((140, 1600, 9800), 0.3),
            "Bestellungen": orders,
            "Größte Bestellung": p.money((60, 310, 1900), 0.3),
            "Rücksendequote": np.round(np.clip(p.rng.normal(p.of((4, 12, 31)), 3), 0, 99), 1),
            "Zahlungsart": p.words(
                ("Rechnung", "Lastschrift", "Kreditkarte"), (9, 2, 1), (1, 9, 2), (1, 1, 9)
            ),
            "Kündigung": p.yes((0.4, 0.1, 0.05), "ja", "nein"),
        }
    )
    return frame, p.group


def comma(value: float, digits: int) -> str:
    """Return a number as it is written in Germany."""
    return f"{value:,.{digits}f}".replace(",", " ").replace(".", ",").replace(" ", ".")


def write_german(frame: pd.DataFrame, path: Path) -> None:
    """Write semicolons, decimal commas, dots for thousands, cp1252."""
    frame = frame.assign(
        Umsatz=[comma(x, 2) for x in frame["Umsatz"]],
        **{
            "Größte Bestellung": [f"{comma(x, 2)} €" for x in frame["Größte Bestellung"]],
            "Rücksendequote": [f"{comma(x, 1)} %" for x in frame["Rücksendequote"]],
        },
    )
    frame.to_csv(path, index=False, sep=";", encoding="cp1252")


def read_german(path: Path) -> pd.DataFrame:
    """Read the customers, amounts as numbers."""
    frame = pd.read_csv(path, sep=";", encoding="cp1252")
    for name in ("Umsatz", "Größte Bestellung", "Rücksendequote"):
        bare = frame[name].str.replace(r"[.€% ]", "", regex=True).str.replace(",", ".")
        frame[name] = bare.astype(float)
    return frame


def office() -> tuple[pd.DataFrame, Values]:
    """Return customers of a gym as an office keeps them: morning, evening, hardly ever."""
    p = Planted(500, (4, 4, 2), 24)
    frame = pd.DataFrame(
        {
            "Customer No": [f"G-{1000 + i}" for i in range(500)],
            "Branch": p.words(("North", "South", "Harbour"), (4, 4, 2)),
            "Plan": p.words(("Basic", "Standard", "Premium"), (12, 2, 1), (2, 12, 1), (1, 2, 12)),
            "Visits": p.counts((3, 22, 60)),
            "Classes": p.counts((0.4, 6, 20)),
            "Fees paid": p.money((190, 430, 980), 0.1),
            "Bar spend": p.money((8, 45, 160), 0.4),
            "Cancelled": p.yes((0.4, 0.1, 0.04)),
        }
    )
    return frame, p.group


def write_office(frame: pd.DataFrame, path: Path) -> None:
    """Write a cover sheet, the customers below a title and above a total, and older customers."""
    book = Workbook()
    cover = book.active
    for line in (["Gym customers"], ["Created by", "Front office"], ["Status", "final"]):
        cover.append(line)
    cover.title = "Cover"
    sheet = book.create_sheet("Customers 2025")
    sheet.append(["Customers of the year 2025"])
    sheet.append([])
    sheet.append(list(frame.columns))
    for row in frame.itertuples(index=False):
        sheet.append([value.item() if hasattr(value, "item") else value for value in row])
    sums = frame[["Visits", "Classes", "Fees paid", "Bar spend"]].sum().tolist()
    sheet.append(["Total", None, None, *sums, None])
    older = book.create_sheet("Customers 2024")
    older.append(list(frame.columns))
    for row in frame.head(40).itertuples(index=False):
        older.append([value.item() if hasattr(value, "item") else value for value in row])
    book.save(path)


def read_office(path: Path) -> pd.DataFrame:
    """Read the customers between title and total."""
    return pd.read_excel(path, sheet_name="Customers 2025", header=2, skipfooter=1)


def seguros() -> tuple[pd.DataFrame, Values]:
    """Return people insured in Spain: young drivers, families, retired people."""
    p = Planted(600, (4, 4, 2), 25)
    frame = pd.DataFrame(
        {
            "id_cliente": [f"ES{700000 + 13 * i}" for i in range(600)],
            "Sexo": p.words(("Hombre", "Mujer")),
            "Edad": p.whole((27, 44, 70), 5, 18, 95),
            "Estado_Civil": p.words(
                ("soltero", "casado", "viudo"), (9, 2, 0.2), (2, 9, 0.3), (1, 6, 4)
            ),
            "Ingresos": p.money((14_000, 36_000, 19_000), 0.2, 0),
            "Prima": p.money((780, 430, 210), 0.15),
            "Siniestros": p.counts((1.6, 0.5, 0.1)),
            "Vehiculo": p.words(
                ("moto", "coche", "ninguno"), (9, 4, 0.2), (0.3, 12, 0.5), (0, 2, 9)
            ),
            "Baja": p.yes((0.3, 0.1, 0.1), "si", "no"),
        }
    )
    return frame, p.group


SERVICES = (
    Shape(
        name="telecom",
        file="WA_Fn-UseC_-Telco-Customer-Churn.csv",
        make=telecom,
        read=read_telecom,
        identifier=("customerID",),
        outcomes=("Churn",),
        kinds={
            "gender": "category",
            "SeniorCitizen": FLAG,
            "Partner": "category",
            "Dependents": "category",
            "tenure": "months",
            "PhoneService": "category",
            "MultipleLines": "category",
            "InternetService": "category",
            **dict.fromkeys(INTERNET, "category"),
            "Contract": "ordered",
            "PaperlessBilling": "category",
            "PaymentMethod": "category",
            "MonthlyCharges": "money|number",
            "TotalCharges": "money|number",
        },
        order={"Contract": ("Month-to-month", "One year", "Two year")},
        sensitive=("gender", "SeniorCitizen", "Partner"),
        either=("Dependents",),
        labels={"OnlineSecurity": "Online security", "SeniorCitizen": "Senior citizen"},
    ),
    Shape(
        name="airline",
        file="EastWestAirlines.csv",
        make=airline,
        identifier=("ID#",),
        kinds={
            "Balance": SPENDS,
            "Qual_miles": COUNT,
            **dict.fromkeys(("cc1_miles", "cc2_miles", "cc3_miles"), CODE),
            "Bonus_miles": COUNT,
            "Bonus_trans": COUNT,
            "Flight_miles_12mo": COUNT,
            "Flight_trans_12": COUNT,
            "Days_since_enroll": COUNT,
            "Award?": FLAG,
        },
        either=("Award?",),
        coded=("cc1_miles", "cc2_miles", "cc3_miles"),
    ),
    Shape(
        name="german_export",
        file="Kunden Übersicht.csv",
        make=german_export,
        write=write_german,
        read=read_german,
        identifier=("Kundennummer",),
        outcomes=("Kündigung",),
        excluded=("Kunde seit",),
        kinds={
            "Geschlecht": "category",
            "Familienstand": "category",
            "Umsatz": "money|number",
            "Bestellungen": COUNT,
            "Größte Bestellung": "money|number",
            "Rücksendequote": "number|frequency",
            "Zahlungsart": "category",
        },
        sensitive=("Geschlecht", "Familienstand"),
        remarks=(
            r"Umsatz.*decimal comma",
            r"Größte Bestellung.*decimal comma",
            r"Kunde seit.*date",
        ),
    ),
    Shape(
        name="office",
        file="Gym customers 2025.xlsx",
        make=office,
        write=write_office,
        read=read_office,
        identifier=("Customer No",),
        outcomes=("Cancelled",),
        kinds={
            "Branch": "category",
            "Plan": "ordered",
            "Visits": COUNT,
            "Classes": COUNT,
            "Fees paid": "money|number",
            "Bar spend": "money|number",
        },
        order={"Plan": ("Basic", "Standard", "Premium")},
        remarks=(
            r"Customers 2025",
            r"Customers 2024",
            r"(?i)header.*(line|row) 3|(line|row) 3.*header",
            r"(?i)total.*504|504.*total",
        ),
    ),
    Shape(
        name="seguros",
        file="clientes.parquet",
        make=seguros,
        write=lambda frame, path: frame.to_parquet(path, index=False),
        read=pd.read_parquet,
        identifier=("id_cliente",),
        outcomes=("Baja",),
        kinds={
            "Sexo": "category",
            "Edad": COUNT,
            "Estado_Civil": "category",
            "Ingresos": SPENDS,
            "Prima": "money|number",
            "Siniestros": COUNT,
            "Vehiculo": "category",
        },
        sensitive=("Sexo", "Edad", "Estado_Civil"),
    ),
)
