"""A query's rows as JSON, written by PostgreSQL in the statement that fetches them.

rows        a query that is run once, its rows both finished JSON and ordinary objects
selection   what a compiled query selects, and what is written for it
texts       the JSON of a row in SQL, with the rows and URLs that it refers to
columns     the text that PostgreSQL writes for a column, and the values that only Python knows
links       URLs of rows, which are the same but for a key
files       what is shown of names of files, which their storages say
scopes      a row as SQL sees it, and what Python writes into the row's JSON
by_key      Django's own statements for the rows that the key of a row leads to
prefetched  rows that Django fetches beside it, by the same statements
assembling  what PostgreSQL and what Python has written, put together
plain_rows  whether rows become objects, and are chosen, by Django's own code
"""
