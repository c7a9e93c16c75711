"""The studio: the local application on Flask. `application` joins the routes; `launch` starts everything."""
