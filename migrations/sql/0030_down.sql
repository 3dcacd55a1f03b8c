revoke select, update (wanted) on feeds from tickdeck_settings;
