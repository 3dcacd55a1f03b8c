delete from sign_in_tries where due < now()
