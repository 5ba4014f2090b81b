"""Paths and headers that lead nowhere: application-level, sent as they are written here."""

# Paths: 404 for GET and DELETE, whoever answers
BAD_PATHS = [
    "/items/0/", "/items/1_0/", "/items/+1/", "/items/%2B1/", "/items/-1/", "/items/1.0/",
    "/items/0x1/", "/items/1e1/", "/items/abc/", "/items/null/", "/items/%20/", "/items/1%20/",
    "/items/%201/", "/items/1;2/", "/items/1%2F/2", "/items/1%2C2/", "/items/%00/", "/items/1%00/",
    "/items/%EF%BC%91/", "/items/%D9%A1/", "/items/%C2%B2/", "/items/99999999999999999999/",
    "/items/100000000000000000000000/", "/items/9223372036854775808/", "/items/" + "9" * 3000,
    "/items/%FF/", "/items/%ED%A0%80/", "/items/%zz/", "/items/%0d%0aX-Injected:%201/",
    "/items/1/2/", "/items/1//", "/items//", "/items.json", "/items/1.json", "/ITEMS/", "/item/",
    "//items/", "//evil.com/", "//evil.com/items/", "/items/..", "/items/../", "/items/../livez",
    "/items/%2e%2e/", "/items/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/%ff%fe", "/%00",
    "/.env", "/admin/", "/static/", "/static/%2e%2e/manage.py", "/static/../manage.py",
    "/static/%00", "/favicon.ico", "/index.php?a=b", "/~root", "/items/1'%20OR%20'1'='1/",
]  # fmt: skip
