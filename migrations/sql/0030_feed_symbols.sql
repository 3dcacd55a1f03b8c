-- What a feed shall have is asked for by administrators over the page too, not only by who may write ticks.
grant select, update (wanted) on feeds to tickdeck_settings;
