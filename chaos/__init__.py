"""Faults and the proof that no caller is lost to them: faults by stages on a real PBX (``make chaos``)."""
