-- One key at a time: two at once might wait for each other's in a circle.
update sign_in_tries set due = due - make_interval(secs => $2) where key = $1
