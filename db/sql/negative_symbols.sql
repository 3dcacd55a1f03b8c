select symbol from instruments where allow_negative order by symbol
