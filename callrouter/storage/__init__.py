"""The database: tables, repositories, writer."""
