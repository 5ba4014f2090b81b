-- The database, the role that migrates and owns it, and the role that the service comes as, which
-- may read and write rows and nothing else. For an administrator, at the server itself:
--
--   psql postgresql://postgres@db/postgres -v ON_ERROR_STOP=1 -v owner_password=… -v items_password=… -f deploy/roles.sql
--
-- It can be run again: what is there stays, and what the service lacks is granted.
SELECT format('CREATE ROLE owner LOGIN PASSWORD %L', :'owner_password')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'owner') \gexec
SELECT format('CREATE ROLE items LOGIN PASSWORD %L', :'items_password')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'items') \gexec
-- An administrator who is no superuser (a managed server's) acts for a role as its member.
GRANT owner TO CURRENT_USER;
SELECT 'CREATE DATABASE items OWNER owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'items') \gexec

\connect items
GRANT USAGE, CREATE ON SCHEMA public TO owner;
GRANT USAGE ON SCHEMA public TO items;
SET ROLE owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO items;
-- And the tables that migrations make from now on.
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO items;
