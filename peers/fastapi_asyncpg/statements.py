"""The SQL, one statement per operation. asyncpg prepares each once per connection."""

# ruff: noqa: S608 (what is put together here are constants)

COLUMNS = "id, name, description, price, quantity, created_at, updated_at"

RETRIEVE = f"SELECT {COLUMNS} FROM crud_item WHERE id = $1"
NEWEST = f"SELECT {COLUMNS} FROM crud_item ORDER BY id DESC LIMIT $1"
OLDER = f"SELECT {COLUMNS} FROM crud_item WHERE id < $2 ORDER BY id DESC LIMIT $1"
CREATE = f"""
    INSERT INTO crud_item (name, description, price, quantity) VALUES ($1, $2, $3, $4)
    RETURNING {COLUMNS}
"""
# Null is "not sent": no column takes it. So concurrent changes of other fields survive.
UPDATE = f"""
    UPDATE crud_item SET
        name = coalesce($2, name), description = coalesce($3, description),
        price = coalesce($4, price), quantity = coalesce($5, quantity), updated_at = now()
    WHERE id = $1 RETURNING {COLUMNS}
"""
DELETE = "DELETE FROM crud_item WHERE id = $1 RETURNING id"
