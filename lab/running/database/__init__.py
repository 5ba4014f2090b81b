"""The PostgreSQL under the services: started, counted, and put further away."""
