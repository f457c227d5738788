"""Physicians' rubrics in, a library of principles out: what many of their criteria ask for, each said once."""
