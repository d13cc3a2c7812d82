"""Revisions written from what models and database differ in."""
