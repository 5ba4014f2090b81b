"""Tables with relations of every other kind: inherited, symmetrical, between keys that are none."""

from django.db import models


class Drink(models.Model):
    """What others refer to, in no order."""

    name = models.CharField(max_length=20)


class Venue(models.Model):
    """The first table of a bar, near others of its kind."""

    name = models.CharField(max_length=20)
    near = models.ManyToManyField("self")


class Bar(Venue):
    """A row in two tables, with a number of its own."""

    number = models.IntegerField(unique=True, null=True)
    drinks = models.ManyToManyField(Drink, through="Stock", through_fields=("bar", "drink"))
    sold = models.ManyToManyField(Drink, through="Sale", related_name="+")


class Stock(models.Model):
    """A table between two others that is a model itself."""

    bar = models.ForeignKey(Bar, models.CASCADE)
    drink = models.ForeignKey(Drink, models.CASCADE)
    instead_of = models.ForeignKey(Drink, models.SET_NULL, null=True, related_name="+")


class Sale(models.Model):
    """Refers to a bar by its number, which not each bar has."""

    bar = models.ForeignKey(Bar, models.CASCADE, to_field="number")
    drink = models.ForeignKey(Drink, models.CASCADE)


class Seat(models.Model):
    """A key of two columns, beside one that others refer to."""

    pk = models.CompositePrimaryKey("row", "place")
    row = models.IntegerField()
    place = models.IntegerField()
    number = models.IntegerField(unique=True)


class Booking(models.Model):
    """Of a seat, by its number."""

    seat = models.ForeignKey(Seat, models.CASCADE, to_field="number")


class Guest(models.Model):
    """Refers by another column than the key, and to one row that refers to no other."""

    name = models.CharField(max_length=20)
    bar = models.ForeignKey(Bar, models.CASCADE, to_field="number", null=True)
    favourite = models.ForeignKey(Drink, models.SET_NULL, null=True)
    home = models.OneToOneField(Venue, models.SET_NULL, null=True, related_name="host")


class Regular(Guest):
    """The same table under another name."""

    class Meta:
        proxy = True
